"""What stops a login before it begins: the error of the discovery and the documents → its symptoms."""

from mcp_auth_bridge.doctor.finding import Sign
from mcp_auth_bridge.doctor.issuer_obstacles import ISSUER_OBSTACLES
from mcp_auth_bridge.doctor.obstacle import Obstacle
from mcp_auth_bridge.doctor.resource_obstacles import RESOURCE_OBSTACLES, nothing_published


def name_obstacle(obstacle: Obstacle) -> tuple[Sign, ...]:
    """The symptom, and with it the one that nothing is published if that follows; () if none is certain."""
    found = next(filter(None, (find(obstacle) for find in (*RESOURCE_OBSTACLES, *ISSUER_OBSTACLES))), None)
    if found is None:
        return ()
    nothing = nothing_published(obstacle)
    return (found,) if nothing is None or nothing.symptom is found.symptom else (found, nothing)
