"""The catalog: which models there are, as the providers list them. Pure: no store, no HTTP.

    provider ──its list (listing)──▶ store ──▶ every process's Catalog ──▶ what a bare name means

``listing`` says how a provider is asked and reads what it answers; ``catalog`` holds the lists and
finds names in them; ``naming`` decides what a name that a caller uses stands for.
"""

from broker.catalog.catalog import Catalog, Lists, Public
from broker.catalog.listing import Listed
from broker.catalog.naming import catalog_of, meaning

__all__ = ["Catalog", "Listed", "Lists", "Public", "catalog_of", "meaning"]
