"""Fitting: a neutral request, as the vendor and model take it that are to be asked.

What they take stands in one table (``broker.dialects.vendors``); here is what is done about it.
``fitted`` is the part that is the same in each dialect: ids of calls, names and schemas of tools,
blank texts. What depends on how a dialect says things (thinking, sampling) its writer sees to, with
the other modules.
"""

from broker.dialects.neutral.fitting.calls import with_fitting_ids
from broker.dialects.neutral.fitting.end import check_end
from broker.dialects.neutral.fitting.pictures import with_fitting_pictures
from broker.dialects.neutral.fitting.texts import with_fitting_texts
from broker.dialects.neutral.fitting.tools import renamed, with_fitting_tools
from broker.dialects.neutral.request import Request
from broker.settings.takes import Takes

__all__ = ["check_end", "fitted", "renamed"]


def fitted(request: Request, takes: Takes) -> Request:
    """The request without what the model is known to refuse, said otherwise where it can be.

    Raises:
        Unexpressible: something can't be, and nobody collects losses.
    """
    for fit in (with_fitting_tools, with_fitting_ids, with_fitting_pictures, with_fitting_texts):
        request = fit(request, takes)
    return request
