"""Settings for all tests."""

from hypothesis import settings

# wall-clock deadlines would make tests depend on how busy the machine is
settings.register_profile("coverfusion", deadline=None, max_examples=40)
settings.load_profile("coverfusion")
