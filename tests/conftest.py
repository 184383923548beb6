"""Settings of every test: properties have no deadline, since the machine is shared with the stacks of other tests."""

from hypothesis import settings

settings.register_profile("frigjort", deadline=None, print_blob=True)
settings.load_profile("frigjort")
