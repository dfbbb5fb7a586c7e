"""The data about clients are consistent."""

from mcp_auth_bridge.clients.client import Place, Platform, System, locate
from mcp_auth_bridge.clients.known_clients import CLIENTS


def test_every_client_has_one_name_and_a_file_on_some_system():
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)
    for client in CLIENTS:
        systems = [System(platform, "/home/u", "/p", {}) for platform in Platform]
        assert any(path for system in systems for file in client.files for path in locate(file, system)), client.name
        assert client.reload.strip(".") == client.reload
        assert client.info


def test_paths_are_relative_with_slashes():
    for client in CLIENTS:
        for file in client.files:
            assert not file.path.startswith("/")
            assert "\\" not in file.path
            assert all(file.tables)


def test_no_file_is_listed_twice_for_one_client():
    for client in CLIENTS:
        places = [(file.place, file.path) for file in client.files]
        assert len({*places}) == len(places)


def test_most_clients_have_a_file_of_the_user():
    assert all(any(file.place is not Place.WORKSPACE for file in client.files) for client in CLIENTS)
