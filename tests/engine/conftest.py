"""Kernels are compiled once, before the first test, and hypothesis does not mind slow first examples."""

import pytest
from hypothesis import settings

import engine

settings.register_profile("engine", deadline=None)
settings.load_profile("engine")


@pytest.fixture(scope="session", autouse=True)
def warm():
    engine.warm()
