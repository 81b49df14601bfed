"""Settings for all tests."""

import gc
import os

from hypothesis import settings

# pytest's own processes share the cores: studies start others only where a test asks for `workers`
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")

# wall-clock deadlines would make tests depend on how busy the machine is
settings.register_profile("coverfusion", deadline=None, max_examples=40)
settings.load_profile("coverfusion")

gc.disable()  # what is made while tests are collected stays


def pytest_collection_finish() -> None:
    gc.enable()
