"""Connected apps and security settings: declared in YAML, metadata, with an org, or registered later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.org import OrgHandle
from mock_server import api, config, schema_sources
from mock_server.control.client import ControlError, OrgInfo
from mock_server.documents import DocumentError
from mock_server.server import App

APP = {"name": "Sync", "clientId": "3MVG9sync", "clientSecret": "hush-hush", "scopes": ["api"]}


def ask(server: api.Server, **form: str) -> dict[str, str]:
    found: dict[str, str] = requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=30).json()
    return found


def client_credentials(server: api.Server, client_id: str, secret: str = "hush-hush") -> dict[str, str]:
    return ask(server, grant_type="client_credentials", client_id=client_id, client_secret=secret)


@pytest.fixture
def declared(server: api.Server) -> Iterator[OrgInfo]:
    users = [{"username": "sync@apps.test", "system": ["ViewSetup"]}]
    apps = [APP | {"runAs": "sync@apps.test"}, APP | {"clientId": "3MVG9ids", "scopes": "id"}]
    org = server.control.create_org(users=users, apps=apps, security={"sessionTimeout": "30m"})
    yield org
    server.control.delete_org(org.id)


def test_each_app_of_an_org_has_its_own_key_and_scopes(server: api.Server, declared: OrgInfo) -> None:
    token = client_credentials(server, "3MVG9sync")
    assert token["scope"] == "api"
    assert token["access_token"].startswith(declared.id[:15])
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    told = requests.get(f"{server.url}/services/oauth2/userinfo", headers=headers, timeout=30).json()
    assert told["preferred_username"] == "sync@apps.test"
    assert client_credentials(server, "3MVG9ids")["scope"] == "id"
    assert client_credentials(server, declared.client_id, declared.client_secret)["scope"].startswith("api")
    names = [app.client_id for app in server.control.for_org(declared.id).apps()]
    assert names == [declared.client_id, "3MVG9sync", "3MVG9ids"]


def test_an_app_is_registered_later_and_gone_after_a_reset(server: api.Server, declared: OrgInfo) -> None:
    control = server.control.for_org(declared.id)
    made = OrgHandle(declared, server).app(clientId="3MVG9later", clientSecret="hush-hush", approved=["nobody@x.test"])
    assert (made.client_id, made["SF_CLIENT_SECRET"]) == ("3MVG9later", "hush-hush")
    assert client_credentials(server, "3MVG9later")["error"] == "invalid_app_access"
    control.create_app({"clientId": "3MVG9later", "clientSecret": "hush-hush", "approved": [declared.username]})
    assert "access_token" in client_credentials(server, "3MVG9later")
    control.reset()
    assert client_credentials(server, "3MVG9later")["error"] == "invalid_client_id"
    assert "access_token" in client_credentials(server, "3MVG9sync")


def test_a_clone_has_the_apps_of_its_template(server: api.Server, declared: OrgInfo) -> None:
    clone = server.control.for_org(declared.id).clone()
    assert client_credentials(server, "3MVG9sync")["access_token"].startswith(clone.id[:15])
    server.control.delete_org(clone.id)


@pytest.mark.parametrize(
    ("app", "path", "message"),
    [
        ({}, "", "needs a clientId"),
        ({"clientId": "x", "scope": "api"}, "scope", "did you mean scopes?"),
        ({"clientId": "x", "scopes": ["ap"]}, "scopes[0]", "did you mean api?"),
        ({"clientId": "x", "grants": "passwort"}, "grants", "did you mean password?"),
        ({"clientId": "x", "refreshPolicy": "expire"}, "refreshPolicy", "did you mean expires?"),
        ({"clientId": "x", "refreshPolicy": "expires"}, "refreshPolicy", "needs a refreshLifetime"),
        ({"clientId": "x", "refreshLifetime": "1h"}, "refreshLifetime", "is for the refreshPolicy"),
        ({"clientId": "x", "sessionTimeout": "5m"}, "sessionTimeout", "from 15m to 24h"),
        ({"clientId": "x", "sessionTimeout": "soon"}, "sessionTimeout", "no duration"),
        ({"clientId": "x", "pkce": "yes"}, "pkce", "true or false"),
        ({"clientId": "x", "certificate": "nonsense!"}, "certificate", "no certificate"),
        ({"clientId": "x", "runAs": "nobody@x.test"}, "runAs", "nobody@x.test"),
        ({"clientId": "x", "callbacks": ["javascript:alert(1)"]}, "callbacks[0]", "no address"),
        ({"clientId": "x", "callbacks": ["http://localhost/cb", "localhost/cb"]}, "callbacks[1]", "no address"),
        ({"clientId": "x", "approved": ["Sysem Administrator"]}, "approved", "did you mean System Administrator?"),
        ({"clientId": 7}, "clientId", "a text"),
        ([], "", "a mapping"),
    ],
)
def test_a_wrong_app_is_refused_by_its_key(server: api.Server, org: OrgInfo, app: Any, path: str, message: str) -> None:
    with pytest.raises(ControlError) as refused:
        server.control.for_org(org.id)._call("POST", "apps", app)
    assert refused.value.path == path
    assert message in str(refused.value)
    with pytest.raises(ControlError) as refused:
        server.control._link.call("POST", "/_mock/orgs", {"apps": [app]})
    assert refused.value.path == ("apps[0]" if not path else f"apps[0].{path}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  sessionTimeot: 1h", "sfmock.yaml:2:18: there is no security setting"),
        ("  trustedNetworks: [10.0.0.0/8, nowhere]", "sfmock.yaml:2:33: 'nowhere' is no network"),
        ("  loginAttempts: 0", "sfmock.yaml:2:18: a number from 1 to 1000"),
        ("  lockout: never", "sfmock.yaml:2:12: 'never' is no duration"),
    ],
)
def test_a_wrong_security_setting_names_its_line(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text(f"security:\n{line}\n")
    with pytest.raises(DocumentError) as refused:
        App(config.resolve({}, environment={}, file=str(file)))
    assert message in str(refused.value)


def test_an_app_in_yaml_names_its_line_and_its_certificate(tmp_path: Path) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text("apps:\n  - clientId: a\n  - clientId: b\n    scopes: [apis]\n")
    with pytest.raises(DocumentError, match=r"sfmock.yaml:4:14: there is no scope 'apis'; did you mean 'api'"):
        App(config.resolve({}, environment={}, file=str(file)))
    file.write_text("apps:\n  - clientId: a\n    certificate: server.crt\n")
    with pytest.raises(config.ConfigError, match=r"sfmock.yaml:3:18: there is no file 'server.crt'"):
        config.resolve({}, environment={}, file=str(file))
    (tmp_path / "server.crt").write_text(certificate())
    app = App(config.resolve({}, environment={}, file=str(file))).world.default.directory.app("a")
    assert app is not None
    assert app.public_key is not None
    assert app.public_key.startswith("-----BEGIN PUBLIC KEY-----")


def certificate() -> str:
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sync")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def metadata(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    root, _, inner = text.partition("|")
    path.write_text(f'<{root} xmlns="http://soap.sforce.com/2006/04/metadata">\n{inner}\n</{root}>\n')


def test_a_connected_app_of_a_project(tmp_path: Path) -> None:
    bare = "".join(certificate().splitlines()[1:-1])
    metadata(
        tmp_path,
        "connectedApps/Sync.connectedApp-meta.xml",
        f"""ConnectedApp|<label>Order Sync</label><contactEmail>a@b.test</contactEmail>
        <oauthConfig><callbackUrl>https://a.test/cb
        http://localhost:1717/OauthRedirect</callbackUrl><certificate>{bare}</certificate>
        <consumerKey>3MVG9sync</consumerKey><isAdminApproved>true</isAdminApproved><isPkceRequired>true</isPkceRequired>
        <isConsumerSecretOptional>false</isConsumerSecretOptional><scopes>Api</scopes><scopes>RefreshToken</scopes>
        <scopes>Basic</scopes></oauthConfig>
        <oauthPolicy><ipRelaxation>ENFORCE</ipRelaxation><refreshTokenPolicy>specific_lifetime:4:HOURS</refreshTokenPolicy>
        </oauthPolicy><profileName>Admin</profileName><permissionSetName>Integration</permissionSetName>""",
    )
    metadata(
        tmp_path,
        "profiles/Admin.profile-meta.xml",
        """Profile|<loginIpRanges><startAddress>10.0.0.1</startAddress><endAddress>10.0.0.9</endAddress></loginIpRanges>
        <loginHours><mondayStart>480</mondayStart><mondayEnd>1020</mondayEnd></loginHours>""",
    )
    world = App(config.Settings(schema=(str(tmp_path),))).world
    app = world.default.directory.app("3MVG9sync")
    assert app is not None
    assert (app.name, app.scopes, app.callbacks) == (
        "Order Sync", ("api", "refresh_token", "id"), ("https://a.test/cb", "http://localhost:1717/OauthRedirect"),
    )  # fmt: skip
    assert (app.admin_approved, app.approved, app.pkce) == (True, {"Admin", "Integration"}, True)
    assert (app.refresh_policy, app.refresh_lifetime, app.relax_ip) == ("expires", 14_400.0, False)
    assert app.public_key is not None
    rules = world.default.admission.rules_of(world.default.directory.default_user)
    assert rules.ranges is not None
    assert str(rules.ranges[0].last) == "10.0.0.9"
    assert rules.hours is not None
    assert rules.hours.spans == {0: (480, 1020)}


def test_an_external_client_app_of_a_project(tmp_path: Path) -> None:
    metadata(tmp_path, "eca/Mine.eca-meta.xml", "ExternalClientApplication|<label>My App</label>")
    named = "<externalClientApplication>Mine</externalClientApplication>"
    metadata(
        tmp_path,
        "a/Mine_oauth.ecaOauth-meta.xml",
        f"ExtlClntAppOauthSettings|{named}<commaSeparatedOauthScopes>Api, RefreshToken</commaSeparatedOauthScopes>",
    )
    metadata(
        tmp_path,
        "b/Mine_global.ecaGlblOauth-meta.xml",
        f"ExtlClntAppGlobalOauthSettings|{named}<callbackUrl>https://a.test</callbackUrl>"
        "<isConsumerSecretOptional>true</isConsumerSecretOptional>"
        "<isRefreshTokenRotationEnabled>true</isRefreshTokenRotationEnabled>",
    )
    metadata(
        tmp_path,
        "c/Mine_policy.ecaOauthPlcy-meta.xml",
        f"ExtlClntAppOauthConfigurablePolicies|{named}<permittedUsersPolicyType>AdminApprovedPreAuthorized"
        "</permittedUsersPolicyType><commaSeparatedPermissionSet>Sync_User</commaSeparatedPermissionSet>"
        "<refreshTokenPolicyType>SpecificInactivity</refreshTokenPolicyType><refreshTokenValidityPeriod>2"
        "</refreshTokenValidityPeriod><refreshTokenValidityUnit>Days</refreshTokenValidityUnit>"
        "<sessionTimeoutInMinutes>30</sessionTimeoutInMinutes>",
    )
    read = schema_sources.read([str(tmp_path)])
    warnings = [note.text for note in read.notes if note.verdict == "warning"]
    assert warnings == [
        "metadata does not tell all of the app Mine: its consumer key is Mine, its consumer secret is "
        "sfmock-client-secret"
    ]
    app = App(config.Settings(schema=(str(tmp_path),))).world.default.directory.app("Mine")
    assert app is not None
    assert (app.name, app.scopes, app.rotate, app.secret_needed) == ("My App", ("api", "refresh_token"), True, False)
    assert (app.refresh_policy, app.refresh_lifetime, app.session_timeout) == ("inactive", 172_800.0, 1_800.0)
    assert app.approved == {"Sync_User"}


def test_a_wrong_app_of_a_project_names_its_line(tmp_path: Path) -> None:
    metadata(
        tmp_path,
        "connectedApps/Sync.connectedApp-meta.xml",
        "ConnectedApp|<label>Sync</label>\n<oauthConfig>\n<consumerKey>3MVG9</consumerKey>\n"
        "<certificate>nonsense!</certificate>\n</oauthConfig>",
    )
    with pytest.raises(DocumentError, match=r"Sync.connectedApp-meta.xml:5: this is no certificate"):
        App(config.Settings(schema=(str(tmp_path),)))


def test_an_org_in_a_file_remembers_passwords_and_apps(tmp_path: Path) -> None:
    data, users = str(tmp_path / "org.db"), ({"username": "kept@apps.test", "password": "declared-1"},)
    form = {"grant_type": "password", "client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret"}
    with api.start(data=data, users=users) as server:
        assert "access_token" in ask(server, **form, username="kept@apps.test", password="declared-1")
        user = server.control.records("SELECT Id FROM User WHERE Username = 'kept@apps.test'")[0]["Id"]
        server.control.create_app(APP)
        headers = {"Authorization": f"Bearer {server.control.mint_token()}"}
        for who, password in (
            (user, "chosen-by-kept"),
            (server.world.default.directory.default_user.id, "chosen-by-api"),
        ):
            url = f"{server.url}/services/data/v60.0/sobjects/User/{who}/password"
            assert requests.post(url, json={"NewPassword": password}, headers=headers, timeout=30).status_code == 204
    with api.start(data=data, users=users) as server:
        for name, password in (("kept@apps.test", "chosen-by-kept"), ("integration@sfmock.test", "chosen-by-api")):
            assert "access_token" in ask(server, **form, username=name, password=password)
            assert "access_token" in ask(server, **form, username=name, password=f"{password}sfmock-token")
            for wrong in ("declared-1", "sfmock-password", "", "sfmock-token", f"{password}x"):
                assert ask(server, **form, username=name, password=wrong)["error"] == "invalid_grant"
        assert client_credentials(server, "3MVG9sync")["scope"] == "api"
        server.control.reset()
        assert "access_token" in ask(server, **form, username="kept@apps.test", password="declared-1")
    content = (tmp_path / "org.db").read_bytes()
    assert b"chosen-by-kept" not in content
    assert b"chosen-by-api" not in content
