import pytest
from pydantic import ValidationError

from xwhep.client.enrolment import dispatcher_address
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.enrolment import JoinRequest

SECRET = "0123456789abcdef" * 4
REQUEST = {"secret": SECRET, "kind": "host", "name": "laptop", "csr": "-----BEGIN"}


def test_a_join_request_hides_its_secret_where_it_might_be_logged() -> None:
    assert SECRET not in repr(JoinRequest.model_validate(REQUEST))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("secret", SECRET[1:]),
        ("secret", SECRET + "\n"),
        ("name", "two\nlines"),
        ("csr", "x" * 4097),
        ("kind", "root"),
        ("role", "a"),
    ],
)
def test_a_join_request_out_of_its_bounds_names_the_field_and_repeats_nothing(field: str, value: str) -> None:
    with pytest.raises(ValidationError) as caught:
        JoinRequest.model_validate(REQUEST | {field: value})

    assert [fault["loc"] for fault in caught.value.errors()] == [(field,)]
    assert SECRET[1:] not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://grid.example.org", "https://grid.example.org:443"),
        (" https://Grid.example.org:8443/\n", "https://grid.example.org:8443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_an_address_is_reduced_to_host_and_port(url: str, address: str) -> None:
    assert dispatcher_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "http://grid.example.org",
        "grid.example.org:8443",
        "https://",
        "https://grid.example.org/v1",
        "https://grid.example.org/?token=x",
        "https://grid.example.org/#x",
        "https://grid.example.org:70000",
        "https://[::1",
    ],
)
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(InvalidFieldError, match=r"url: .*https://host:port"):
        dispatcher_address(url)


@pytest.mark.parametrize("url", ["https://me:hunter2@grid.example.org", "https://me@grid.example.org"])
def test_an_address_with_a_password_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidFieldError, match="no user name or password") as caught:
        dispatcher_address(url)

    assert "hunter2" not in str(caught.value)
