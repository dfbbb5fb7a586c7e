"""What stops a login before it begins: the error of the discovery and the documents → one symptom."""

from mcp_auth_bridge.doctor.finding import Sign
from mcp_auth_bridge.doctor.issuer_obstacles import ISSUER_OBSTACLES
from mcp_auth_bridge.doctor.obstacle import Obstacle
from mcp_auth_bridge.doctor.resource_obstacles import RESOURCE_OBSTACLES


def name_obstacle(obstacle: Obstacle) -> Sign | None:
    """The symptom, None if it is not certain."""
    return next(filter(None, (find(obstacle) for find in (*RESOURCE_OBSTACLES, *ISSUER_OBSTACLES))), None)
