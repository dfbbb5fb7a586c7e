"""The certificate authority of the tests' servers, as a file."""

import pytest
from pooling import CA


@pytest.fixture
def ca_file(tmp_path):
    path = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(path)
    return str(path)
