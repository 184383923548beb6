"""A registry in memory."""

import pytest

from services.baselines.registry import Registry
from tests.unit.baselines.worlds import MemoryLog, MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def registry(store: MemoryStore) -> Registry:
    return Registry(store, MemoryLog())
