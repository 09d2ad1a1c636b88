"""Changes as text a person can apply: Terraform variables, Kubernetes patches, Ansible variables, a plan.

Headroom changes nothing itself. Every text is escaped for its format, says what to check first, and is the
same for the same changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from models.changes import Change
from models.texts.ansible import ansible_variables
from models.texts.change_plan import change_plan
from models.texts.kubernetes import kubernetes_patches
from models.texts.terraform import terraform_variables

ACTIONS: Mapping[str, tuple[str, Callable[[Sequence[Change]], str]]] = MappingProxyType(
    {
        "terraform": ("headroom.auto.tfvars", terraform_variables),
        "kubernetes": ("headroom-patches.yaml", kubernetes_patches),
        "ansible": ("headroom-vars.yaml", ansible_variables),
        "plan": ("change-plan.md", change_plan),
    }
)
"""Format -> (file name, writer). A writer gives an empty text where none of the changes is for it."""
