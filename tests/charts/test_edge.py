"""The public API is led to over HTTPS, and plain HTTP only to a redirect."""

import pytest

from charts.rendering import Object, Refused, json_change, named, of_kind, render
from charts.schemas import validate

pytestmark = pytest.mark.usefixtures("helm")

TLS_LISTENER = {"name": "public", "namespace": "gateways", "sectionName": "https"}
PLAIN_LISTENER = TLS_LISTENER | {"sectionName": "http"}


def routes(environment: str, **values: object) -> list[Object]:
    given = {"enabled": True, "parentRefs": [TLS_LISTENER], "hostnames": ["api.example.org"]} | values
    return of_kind(render(environment, json_change("gateway.httpRoute", given)), "HTTPRoute")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_route_stands_at_the_tls_listener_alone(environment: str) -> None:
    (route,) = routes(environment)
    assert route["spec"]["parentRefs"] == [TLS_LISTENER]
    validate(route)


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_route_at_any_listener_is_refused(environment: str) -> None:
    with pytest.raises(Refused, match=f"each need the TLS listener as sectionName in {environment}"):
        routes(environment, parentRefs=[TLS_LISTENER, {"name": "public"}])


def test_a_second_route_sends_plain_http_to_https() -> None:
    objects = routes("production", redirect=True)
    assert len(objects) == 2
    api, redirect = named(objects, "HTTPRoute", "gateway"), named(objects, "HTTPRoute", "gateway-redirect")
    assert api["spec"]["parentRefs"] == [TLS_LISTENER]
    assert redirect["spec"] == {
        "parentRefs": [PLAIN_LISTENER],
        "hostnames": ["api.example.org"],
        "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]}],
    }
    for each in objects:
        validate(each)


def test_each_gateway_redirects_once_at_the_listener_that_is_named() -> None:
    two_names = [TLS_LISTENER | {"port": 443}, TLS_LISTENER | {"sectionName": "https-wildcard"}, TLS_LISTENER | {"name": "other"}]
    objects = routes("production", redirect=True, redirectListener="web", parentRefs=two_names)
    plain = TLS_LISTENER | {"sectionName": "web"}
    assert named(objects, "HTTPRoute", "gateway-redirect")["spec"]["parentRefs"] == [plain, plain | {"name": "other"}]


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("parent", [{"name": "public"}, PLAIN_LISTENER], ids=["any listener", "the plain listener"])
def test_the_api_and_its_redirect_do_not_share_a_listener(environment: str, parent: dict[str, str]) -> None:
    with pytest.raises(Refused, match="TLS listener as sectionName"):
        routes(environment, redirect=True, parentRefs=[TLS_LISTENER, parent])


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_ingress_has_the_certificate_that_cert_manager_puts_there(environment: str) -> None:
    annotations = {"cert-manager.io/cluster-issuer": "letsencrypt", "nginx.ingress.kubernetes.io/force-ssl-redirect": "true"}
    given = {"enabled": True, "host": "api.example.org", "tlsSecret": "api-tls", "annotations": annotations}
    (ingress,) = of_kind(render(environment, json_change("gateway.ingress", given)), "Ingress")
    assert ingress["metadata"]["annotations"] == annotations
    assert ingress["spec"]["tls"] == [{"hosts": ["api.example.org"], "secretName": "api-tls"}]
    validate(ingress)
