"""Tekton, by our own build type (docs/reference/buildtypes.md): that of Tekton Chains wants the whole run, unseen here.

Rule: Tekton sets no variables of its own, so a step is described by those that its Task passes on (docs/sign/ci.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.building.ci._build import UNKNOWN_BUILDER, Build
from attest.building.ci._caveats import UNPROVEN, builder_unknown, self_hosted
from attest.building.ci._source import named
from attest.building.ci._variables import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "urn:attest:buildtype:tekton:v1"


def recognises(environ: Mapping[str, str]) -> bool:
    """Whether this is a step whose Task passes on what it is."""
    return bool(environ.get("TEKTON_TASK_RUN_UID"))


def describe(environ: Mapping[str, str], folder: str) -> Build:
    """The build of this TaskRun. Raises InputError: `ci-variable-missing`, `ci-variable-invalid`."""
    variables = Variables(environ)
    source = named("TEKTON_GIT_URL", "TEKTON_GIT_COMMIT", variables.get("TEKTON_GIT_REF"), folder, environ)
    run = {
        "namespace": variables.want("TEKTON_NAMESPACE"),
        "taskRun": variables.want("TEKTON_TASK_RUN"),
        "pipelineRun": variables.get("TEKTON_PIPELINE_RUN"),
    }
    external = {
        "task": variables.want("TEKTON_TASK"),
        "pipeline": variables.get("TEKTON_PIPELINE"),
        "source": source.claims,
    }
    return Build(
        build_type=BUILD_TYPE,
        builder_id=UNKNOWN_BUILDER,
        # As Tekton Chains names a run.
        invocation_id=variables.need("TEKTON_TASK_RUN_UID"),
        external_parameters=external,
        internal_parameters={"tekton": run},
        resolved_dependencies=(source.dependency,),
        caveats=(
            UNPROVEN,
            builder_unknown("no variable names the cluster that runs the step"),
            self_hosted("the step ran on a self-hosted cluster"),
            *variables.caveats,
            *source.caveats,
        ),
    )
