//! The table of error codes: the contract's, and nothing besides. The error pages are generated from it.
//! Ids are unique; a status is the id's last three digits (the first three for gateway codes).

/// One error code of the contract.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// As the wire shows it, such as `FLOW-1404-412`.
    pub id: &'static str,
    /// The HTTP status it answers with (for codes that only appear inside runs: the id's suffix).
    pub status: u16,
    /// A few words.
    pub title: &'static str,
    /// What it means and what to do, for the error pages.
    pub text: &'static str,
}

impl Code {
    /// The code of that id, for `forebay explain` and the error pages.
    pub fn find(id: &str) -> Option<&'static Code> {
        ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
    }
}

macro_rules! codes {
    ($($name:ident $id:literal $status:literal $title:literal $text:literal;)*) => {
        $(#[doc = concat!("`", $id, "`: ", $title)] pub static $name: Code = Code { id: $id, status: $status, title: $title, text: $text };)*
        /// Every code, in the order of this file.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    // The gateway (FS-HDR-1).
    GATEWAY_403010 "403010" 403 "Oauth token is missing." "The request has no `Authorization: Bearer …` header. Ask the token endpoint for an access token and send it.";
    GATEWAY_401013 "401013" 401 "Oauth token is not valid" "The access token is malformed, expired or signed by somebody else. Ask for a new one.";
    GATEWAY_403000 "403000" 403 "Api Key is required" "The request has no `x-api-key` header. Send the client id that the token was issued for.";
    GATEWAY_403003 "403003" 403 "Api Key is invalid" "No client of this server has the id in `x-api-key`. Check it for typing errors.";
    GATEWAY_400003 "400003" 400 "Missing header" "The request has no `x-gw-ims-org-id` header. Send the organization's id, which ends in `@AdobeOrg`.";
    GATEWAY_403025 "403025" 403 "Profile is not valid" "The organization in `x-gw-ims-org-id` is not the one that the access token belongs to.";

    // The Flow Service (FS-ERR-3).
    FLOW_1100 "FLOW-1100-400" 400 "Invalid request" "The request is understood but not acceptable, or the organization is not entitled to it. The message names the member and the rule.";
    FLOW_1101 "FLOW-1101-404" 404 "Not found at the source" "The source has no such bucket, folder, file or table. Explore the connection to see what it holds.";
    FLOW_1102 "FLOW-1102-500" 500 "The source failed" "The source answered with an error. Its message says why; check the credentials and the source's own status.";
    FLOW_1103 "FLOW-1103-503" 503 "The source is unavailable" "The source could not be reached. Try again later, or check the endpoint.";
    FLOW_1104 "FLOW-1104-504" 504 "The source timed out" "The source did not answer in time. Try again later.";
    FLOW_1400 "FLOW-1400-500" 500 "Internal error" "A fault of this server. The log has the details under the request id.";
    FLOW_1401 "FLOW-1401-400" 400 "limit and count exclude each other" "`count=true` answers a number and nothing else, so it takes no `limit`. Send one of the two.";
    FLOW_1402 "FLOW-1402-400" 400 "Finalize is for providers" "`finalize` and `finalize_update` are actions of the system that provides a flow, not of its users.";
    FLOW_1403 "FLOW-1403-400" 400 "If-Match is missing" "A change needs the etag of the version it was made from. Read the entity and send its etag in `If-Match`.";
    FLOW_1404 "FLOW-1404-412" 412 "The version does not match" "The entity has changed since it was read. Read it again, apply the change to what is there now, and send the new etag.";
    FLOW_1405 "FLOW-1405-400" 400 "The body is empty" "The request needs a JSON body, and it has none, or null, or one with nothing in it.";
    FLOW_1406 "FLOW-1406-400" 400 "subOp does not fit the operation" "This `op` does not take that `subOp`.";
    FLOW_1407 "FLOW-1407-400" 400 "percentCompleted does not fit subOp" "`percentCompleted` may only be given with `subOp=PROGRESS`, as a number from 0 to 100.";
    FLOW_1408 "FLOW-1408-400" 400 "The status does not fit subOp" "The `status` of the body contradicts the `subOp` of the query.";
    FLOW_1409 "FLOW-1409-400" 400 "The state does not fit the action" "This action cannot be combined with the state that the entity is in.";
    FLOW_1410 "FLOW-1410-400" 400 "A new flow has no state yet" "`state` may not be given when a flow is created. Use `?mode=draft` for a draft; otherwise the flow is enabled.";
    FLOW_1411 "FLOW-1411-400" 400 "The id comes from the path" "The body names another id than the path. Leave `id` out of the body.";
    FLOW_1412 "FLOW-1412-400" 400 "Bad mapping version" "The mapping set has no such version. Read the mapping set to see its version.";
    FLOW_1413 "FLOW-1413-400" 400 "Invalid spec id" "There is no connection spec or flow spec with that id. List the specs to find it.";
    FLOW_1414 "FLOW-1414-400" 400 "The connection spec is fixed" "The spec of a connection cannot change after its creation. Create another connection.";
    FLOW_1415 "FLOW-1415-400" 400 "Unknown auth.specName" "The connection spec has no way to authenticate by that name. Its `authSpec` lists the names.";
    FLOW_1416 "FLOW-1416-400" 400 "Not in a state to be changed" "An entity can be changed or deleted only while it is enabled, disabled or initializing (or a draft).";
    FLOW_1417 "FLOW-1417-400" 400 "initializing is for providers" "A user cannot set the state `initializing`.";
    FLOW_1418 "FLOW-1418-400" 400 "The connection is in use" "Flows still use this base connection. Delete the flows first.";
    FLOW_1419 "FLOW-1419-400" 400 "The mapping is not valid" "The mapping set does not exist, or it does not fit the schema of the target. Its message names the rule.";
    FLOW_1420 "FLOW-1420-400" 400 "The state cannot be changed" "The state of this entity cannot be changed.";
    FLOW_1421 "FLOW-1421-400" 400 "No such transition" "The entity cannot go from its state to the one asked for.";
    FLOW_1422 "FLOW-1422-400" 400 "The action does not fit the state" "The action is not possible in the state that the entity is in. Read the entity to see its state.";
    FLOW_1423 "FLOW-1423-400" 400 "The field cannot be changed" "The field is kept by the server, or it does not exist, or it is not one that a patch may touch.";
    FLOW_1424 "FLOW-1424-400" 400 "No order across sandboxes" "`orderby` cannot be used when several sandboxes are listed at once.";
    FLOW_1425 "FLOW-1425-400" 400 "The schemas differ" "The dataset of the target connection has another schema than the mapping set or the target connection. Use the same one in all three.";
    FLOW_1426 "FLOW-1426-400" 400 "Connection specs are for providers" "A user may not do this to a connection spec.";
    FLOW_1427 "FLOW-1427-400" 400 "Runs are written by providers" "A user may not write a run's document. Use the actions instead.";
    FLOW_1428 "FLOW-1428-400" 400 "Predecessor run not found" "The run names a predecessor run that does not exist.";
    FLOW_1429 "FLOW-1429-400" 400 "Predecessor flow not found" "The run names a predecessor flow that does not exist.";
    FLOW_1430 "FLOW-1430-400" 400 "Flow not found" "The run names a flow that does not exist in this sandbox.";
    FLOW_1431 "FLOW-1431-400" 400 "Empty field in policy" "`policy` has members without a value. Fill them in or leave them out.";
    FLOW_1432 "FLOW-1432-400" 400 "Bad sort direction" "A key of `orderby` starts with `-` (greatest first), with `+`, or with its name. Nothing else says a direction.";
    FLOW_1433 "FLOW-1433-400" 400 "Bad sort field" "A key of `orderby` is a member's name or a dotted path, such as `createdAt` or `lastRunDetails.startedAtUTC`.";
    FLOW_1434 "FLOW-1434-400" 400 "Patch operation not supported" "A patch is made of `add`, `replace` and `remove`. `move`, `copy` and `test` are not supported.";
    FLOW_1435 "FLOW-1435-400" 400 "Unknown subOp" "`subOp` is one of APPLY, ROLLBACK, PROGRESS.";
    FLOW_1437 "FLOW-1437-400" 400 "Unknown status" "There is no status by that name.";
    FLOW_1439 "FLOW-1439-404" 404 "Resource not found" "There is no such resource in this organization and sandbox. Check the id and the `x-sandbox-name` header.";
    FLOW_1440 "FLOW-1440-400" 400 "Operator ~ is not implemented" "`property` compares with ==, !=, <, <=, > and >=. There is no search for a part of a value.";
    FLOW_1443 "FLOW-1443-400" 400 "One value for an ordering operator" "<, <=, > and >= take one value. A comma list works with == and != only; put a value with a comma into double quotes.";
    FLOW_1444 "FLOW-1444-400" 400 "The flow is not in the expected state" "The flow must be enabled (for an on-demand run: and scheduled `once`). Read the flow to see its state.";
    FLOW_1445 "FLOW-1445-400" 400 "The connection is not enabled" "A connection that the flow uses is a draft or disabled. Publish or enable it first.";
    FLOW_1446 "FLOW-1446-400" 400 "The flow id is empty" "The request needs a `flowId`.";
    FLOW_1447 "FLOW-1447-400" 400 "Active flows refer to this" "Flows still refer to this entity. Delete them first.";
    FLOW_1448 "FLOW-1448-400" 400 "Operator not supported for this field" "Ids are equal or not; they have no order. Use == or !=.";
    FLOW_1449 "FLOW-1449-400" 400 "Bad field in property" "The left side of a `property` term is a dotted path of at most eight names, each optionally followed by `[]`.";
    FLOW_1450 "FLOW-1450-400" 400 "Bad operator in property" "`property` compares with ==, !=, <, <=, > and >=. A value that starts with such a sign belongs into double quotes.";
    FLOW_1451 "FLOW-1451-400" 400 "Bad parameters" "A query parameter is too long, used too often, or not of the right form. The message says which.";
    FLOW_1452 "FLOW-1452-400" 400 "Bad value in property" "The value does not fit the field: `createdAt` and `updatedAt` take one number of milliseconds; quotes must be closed.";
    FLOW_1453 "FLOW-1453-400" 400 "Empty value in property" "A `property` term has no value, or a comma list has an empty item.";
    FLOW_1455 "FLOW-1455-400" 400 "A patch item lacks a member" "Each item of a patch has `op` and `path`, and `value` unless it removes.";
    FLOW_1456 "FLOW-1456-400" 400 "Unknown state" "`state` is one of enabled, disabled, initializing.";
    FLOW_1457 "FLOW-1457-400" 400 "The entity is being deleted" "The entity is being deleted and cannot be changed any more.";
    FLOW_1458 "FLOW-1458-400" 400 "A referenced entity is being deleted" "An entity that the request refers to is being deleted.";
    FLOW_2000 "FLOW-2000-401" 401 "No access to the organization" "The token gives no access to the organization in `x-gw-ims-org-id`.";
    FLOW_2001 "FLOW-2001-401" 401 "The organization header is missing" "Send the organization's id in `x-gw-ims-org-id`.";
    FLOW_2002 "FLOW-2002-401" 401 "The organization header is empty" "Send the organization's id in `x-gw-ims-org-id`.";
    FLOW_2100 "FLOW-2100-404" 404 "No such sandbox" "The organization has no sandbox by the name in `x-sandbox-name`. List the sandboxes to see the names.";
    FLOW_2101 "FLOW-2101-404" 404 "No such sandbox id" "The organization has no sandbox with that id.";
    FLOW_2102 "FLOW-2102-500" 500 "The sandbox look-up failed" "The sandbox could not be looked up. Try again.";
    FLOW_2103 "FLOW-2103-404" 404 "No default sandbox" "The organization has no default sandbox. Name one in `x-sandbox-name`.";
    FLOW_2104 "FLOW-2104-500" 500 "The default sandbox look-up failed" "The default sandbox could not be looked up. Try again.";
    FLOW_2105 "FLOW-2105-400" 400 "The sandbox header is missing" "This server is set to need `x-sandbox-name` on every call.";
    FLOW_2106 "FLOW-2106-404" 404 "The sandbox is gone" "The sandbox was deleted, or it is not active yet.";
    FLOW_2107 "FLOW-2107-500" 500 "The list of sandboxes failed" "The organization's sandboxes could not be listed. Try again.";
    FLOW_2108 "FLOW-2108-500" 500 "The sandbox answer was unusable" "The answer of the sandbox look-up could not be read. Try again.";
    FLOW_2110 "FLOW-2110-400" 400 "x-sandbox-id is for services" "A user's token goes with `x-sandbox-name`, not with `x-sandbox-id`.";
    FLOW_2111 "FLOW-2111-403" 403 "x-sandbox-name: * is restricted" "Only services may address all sandboxes at once. Name one.";
    FLOW_2114 "FLOW-2114-400" 400 "The token is empty" "The `Authorization` header has no token after `Bearer`.";
    FLOW_2115 "FLOW-2115-400" 400 "The token is invalid" "The access token cannot be read. Ask for a new one.";
    FLOW_2118 "FLOW-2118-403" 403 "Permission missing" "The caller lacks a permission that this operation needs.";
    FLOW_2119 "FLOW-2119-400" 400 "specId is missing" "The query needs `specId`.";
    FLOW_2120 "FLOW-2120-403" 403 "Forbidden" "The caller may not do this.";
    FLOW_2121 "FLOW-2121-403" 403 "Managing sources is not allowed" "The caller may see sources but not manage them.";
    FLOW_2200 "FLOW-2200-500" 500 "An external service failed" "A service that this one depends on answered with an error. Try again.";
    FLOW_2250 "FLOW-2250-500" 500 "An external service could not be reached" "A service that this one depends on did not answer. Try again.";

    // Inside runs (FS-ERR-4).
    CONNECTOR_1001 "CONNECTOR-1001-500" 500 "Copy from the source failed" "Data could not be copied from the source. The copy activity's errors say why.";
    CONNECTOR_2001 "CONNECTOR-2001-500" 500 "Promotion to the lake reported errors" "Some or all of the data could not be promoted to the dataset. The promotion activity's errors say which rows and why.";
    INGEST_1211 "INGEST-1211-400" 400 "Rows failed, diagnostics are off" "Rows failed and the flow keeps no diagnostics. Set `options.errorDiagnosticsEnabled` to see file, line and column of each.";
    INGEST_1212 "INGEST-1212-400" 400 "Rows failed" "Some rows were rejected; the others are stored. The diagnostics have file, line, column and code of each.";
    INGEST_1401 "INGEST-1401-400" 400 "Corrupt row" "The record cannot be parsed: a broken quote, a wrong number of columns, text that is not JSON, bytes that are not text.";
    INGEST_1555 "INGEST-1555-400" 400 "A required field is missing" "A field that the schema requires has no value in this row. Map a source column to it, or give it a default.";
    MAPPER_3700 "MAPPER-3700-400" 400 "A mapping failed" "The value of a column could not be computed or converted to the type of its target. The row is stored with null there unless the field is required.";
    MAPPER_3701 "MAPPER-3701-400" 400 "A mapping asks for too much" "An expression would make texts or lists for one row that are larger than a row may cost: a text of more than 4 MiB, or 64 MiB of work together. The value is null, as where a mapping fails. Look for a long fill, a replacement by a long text, or lambdas within lambdas over long lists.";

    // Inside runs, of our own: the public interface cannot cancel a run.
    RUN_CANCELLED "FOREBAY-1001-400" 400 "Run cancelled" "Somebody cancelled the run before it had committed. Nothing of it is stored and the flow's cursor has not moved: the flow's next run covers what this one was to cover. Trigger the run again to have it done now.";

    // The Schema Registry (PL-XDM-1).
    XDM_1006 "XDM-1006-400" 400 "Accept does not fit a list" "A list of schemas needs `Accept: application/vnd.adobe.xed-id+json` or `application/vnd.adobe.xed+json`.";
    XDM_1007 "XDM-1007-400" 400 "Accept lacks a version" "A look-up of a schema needs a version in Accept, such as `application/vnd.adobe.xed-full+json; version=1`.";
    XDM_1008 "XDM-1008-400" 400 "Accept does not fit descriptors" "A list of descriptors needs an Accept of `application/vnd.adobe.xdm-id+json`, `…xdm-link+json` or `…xdm+json`.";
    XDM_1009 "XDM-1009-400" 400 "Accept does not fit a descriptor" "A look-up of a descriptor needs `Accept: application/vnd.adobe.xdm+json`.";
    XDM_1012 "XDM-1012-404" 404 "Resource not found" "The registry has no such resource in this organization and sandbox.";
    XDM_1020 "XDM-1020-400" 400 "Schema validation error" "The definition of a schema, class, field group or data type is wrong. The message names the field and the fault.";
    XDM_1413 "XDM-1413-400" 400 "Merge schema error" "Two parts of a schema define the same field with types that do not fit together. Rename one of the two.";

    // Policies and labels.
    PES_400 "PES-400" 400 "Labels cannot be read" "The labels are not of the form of the interface, or name a label or a field that does not exist.";
    PES_403 "PES-403" 403 "Labels exist already" "The entity has labels already. Replace them with PUT and the etag of what is there.";
    PES_404 "PES-404" 404 "No labels" "The entity does not exist or has no labels yet.";
    PES_409 "PES-409" 409 "Policy violation" "The change would break a data usage policy.";

    // Observability.
    INSGHT_1000 "INSGHT-1000-400" 400 "Bad request payload" "A metric, an aggregator, a filter or a time of the query is wrong or missing. The message says which.";

    // The neighbouring services, which have statuses and no codes.
    HTTP_400 "400" 400 "BadRequestError" "The request cannot be understood as it stands. The message names the member or parameter.";
    HTTP_401 "401" 401 "UnauthorizedError" "Nobody is signed in by what was sent: it is wrong, it was used before, or its time is over.";
    HTTP_403 "403" 403 "ForbiddenError" "The caller may not do this. The message names the label or the right that stands against it.";
    HTTP_404 "404" 404 "NotFoundError" "There is nothing at this address, or not in this organization and sandbox.";
    HTTP_405 "405" 405 "MethodNotAllowedError" "The header `Allow` names the methods that this address has.";
    HTTP_409 "409" 409 "ConflictError" "Something of that name exists already, or it is still in use.";
    HTTP_413 "413" 413 "PayloadTooLargeError" "The request, or what it adds to, is larger than the operator allows. The message has the limit.";
    HTTP_503 "503" 503 "ServiceUnavailableError" "There is no room for the request now. `Retry-After` says when to try again.";
    HTTP_416 "416" 416 "RangeNotSatisfiableError" "The range lies outside the file. Its length is in `Content-Range`.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique() {
        let ids: HashSet<&str> = ALL.iter().map(|code| code.id).collect();
        assert_eq!(ids.len(), ALL.len());
    }

    #[test]
    fn a_status_is_the_suffix_of_the_id_or_a_gateway_codes_first_digits() {
        for code in ALL {
            let digits = match code.id.rsplit_once('-') {
                Some((_, suffix)) => suffix,
                None => &code.id[..3],
            };
            assert_eq!(digits, code.status.to_string(), "{}", code.id);
        }
    }

    #[test]
    fn every_code_says_what_it_means() {
        for code in ALL {
            assert!(!code.title.is_empty() && code.text.len() > 20 && code.text.ends_with('.'), "{}", code.id);
        }
    }

    #[test]
    fn a_code_is_found_in_any_case() {
        assert_eq!(Code::find("flow-1404-412"), Some(&FLOW_1404));
        assert_eq!(Code::find("FLOW-9999-400"), None);
    }
}
