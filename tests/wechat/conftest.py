"""The stores of the storage contract, for what must hold on each of them."""

from tests.storage.conftest import new_url, postgres_cluster, reused_database, stocked_database, stocked_file, store

__all__ = ["new_url", "postgres_cluster", "reused_database", "stocked_database", "stocked_file", "store"]
