"""What the fuzzer's own checks do not say: a missing header is refused with the gateway's statuses."""

import schemathesis
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario

# docs/compat.md, A-2 and A-4; FLOW-1403-400 for `If-Match`.
REFUSED = (400, 401, 403, 404)


@schemathesis.check
def a_missing_header_is_refused(ctx, response, case):
    data = case.meta.phase.data if case.meta else None
    if isinstance(data, CoveragePhaseData) and data.scenario == CoverageScenario.MISSING_PARAMETER:
        if data.parameter and str(getattr(data.parameter_location, "value", "")) == "header":
            assert response.status_code in REFUSED, f"{data.parameter} is missing, and the answer is {response.status_code}"


@schemathesis.check
def an_error_says_what_is_wrong(ctx, response, case):
    if response.status_code >= 400 and case.method.upper() != "HEAD":
        assert len(response.text) > 20, f"{response.status_code} with the body {response.text!r}"


@schemathesis.hook
def filter_query(context, query):
    """A parameter without a value counts as absent (Postman sends such), which a schema of a number cannot say."""
    return "" not in (query or {}).values()
