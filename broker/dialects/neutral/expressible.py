"""Whether a request can be put to any of its targets."""

from collections.abc import Sequence
from typing import Any

from broker.dialects.kept import refusal_of
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import put
from broker.dialects.responses.stand_ins import stood_in
from broker.errors import BadRequest
from broker.routing import Target
from broker.settings import Settings


def expressible(
    settings: Settings,
    dialect: str,
    request: dict[str, Any],
    targets: Sequence[Target],
    drop: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Check that a request can be put to some target, in the dialect that it speaks.

    ``drop`` are the hosted tools that its route leaves out if it must.

    Returns:
        The paths of what the first such target would not be told, as the operator allows.

    Raises:
        Unexpressible: it can't; all of the first target's reasons.
        ForeignId, PreviousNotFound: it names what a target's provider keeps.
        BadRequest: so too where that is no request of its dialect. Whoever speaks the dialect
            knows more of it than we do, so that this does not count where there is such a target.
    """
    refusal: BadRequest | None = None
    # What it names of earlier ones is read when a target is called.
    bare = stood_in(request) if dialect == "responses" else None
    if bare is not None:
        request = bare.request
    for target in targets:
        provider = settings.providers[target.provider]
        if provider.dialect == dialect:
            foreign = settings.takes_foreign_ids(target.provider)
            kept = None if foreign else refusal_of(dialect, request)
            if kept is None:
                return ()
            refusal = refusal or (kept if bare is None else bare.located(kept))
            continue
        try:
            terms = Terms.of(target.provider, provider, drop)
            lost = put(request, dialect, provider.dialect, target.model, terms).lost
        except BadRequest as error:
            refusal = refusal or (error if bare is None else bare.located(error))
        else:
            return lost if bare is None else tuple(dict.fromkeys(map(bare.where, lost)))
    if refusal is not None:
        raise refusal
    return ()
