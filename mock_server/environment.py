"""The environment that points a client at the mock: the command contract's variables."""

from __future__ import annotations

from urllib.parse import urlsplit

from mock_server.control.client import OrgInfo


def client_environment(org: OrgInfo, url: str, ca_bundle: str) -> dict[str, str]:
    """Return the variables by which clients find the mock, its org and its certificates."""
    parts = urlsplit(url)
    address = parts.netloc
    https = f"https://{address}"
    return {
        "SF_LOGIN_URL": https,
        "SF_INSTANCE_URL": https,
        "SF_USERNAME": org.username,
        "SF_PASSWORD": org.password,
        "SF_SECURITY_TOKEN": org.security_token,
        "SF_CLIENT_ID": org.client_id,
        "SF_CLIENT_SECRET": org.client_secret,
        "SF_ACCESS_TOKEN": org.access_token,
        "SF_API_VERSION": org.api_version,
        "SF_PUBSUB_ENDPOINT": org.pubsub_endpoint,
        "HTTPS_PROXY": f"http://{address}",
        "NO_PROXY": "127.0.0.1,localhost,::1",
        # gRPC reads these two in small letters alone, and has roots of its own.
        "https_proxy": f"http://{address}",
        "no_proxy": "127.0.0.1,localhost,::1",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": ca_bundle,
        "REQUESTS_CA_BUNDLE": ca_bundle,
        "SSL_CERT_FILE": ca_bundle,
        "CURL_CA_BUNDLE": ca_bundle,
        "NODE_EXTRA_CA_CERTS": ca_bundle,
    }
