"""What methods and networks promise, as checks: for the tests of packages that bring them, and for ours.

With pytest::

    @pytest.mark.parametrize("check", [*method_checks(Mine), *network_checks(MINE, features=4)], ids=str)
    def test_a_promise_is_kept(check):
        check()
"""

from __future__ import annotations

from napari_cryorestore.testing.of_methods import method_checks, sample_crops
from napari_cryorestore.testing.of_networks import network_checks
from napari_cryorestore.testing.promises import Check

__all__ = ["Check", "method_checks", "network_checks", "sample_crops"]
