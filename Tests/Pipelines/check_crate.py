"""Validates a report's description with roc-validator, which would fetch the context of RO-Crate 1.1 from the network.

Here it is the one that the package rocrate carries.
"""

import io
import sys
from email.message import Message
from importlib.resources import files
from urllib.response import addinfourl

import rdflib.parser
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings

context = files("rocrate").joinpath("data", "ro-crate.jsonld").read_bytes()
open_address = rdflib.parser._urlopen


def without_network(request):
    if not request.full_url.startswith("https://w3id.org/ro/crate/1.1/context"):
        return open_address(request)
    headers = Message()
    headers["Content-Type"] = "application/ld+json"
    return addinfourl(io.BytesIO(context), headers, request.full_url, 200)


rdflib.parser._urlopen = without_network
result = services.validate(
    ValidationSettings(
        rocrate_uri=sys.argv[1],
        profile_identifier="process-run-crate",
        requirement_severity=Severity.REQUIRED,
        # Whether the address of the context answers, which is not asked here.
        skip_checks=["ro-crate-1.1_3.1", "ro-crate-1.1_3.2"],
    )
)
for issue in result.get_issues():
    print(f"{issue.severity.name}: {issue.check.identifier}: {issue.message}", file=sys.stderr)
if result.has_issues():
    sys.exit(f"{sys.argv[1]}: its description is no Process Run Crate")
print(f"{sys.argv[1]}: a Process Run Crate")
