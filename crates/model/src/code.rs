//! The table of error codes: the contract's, and nothing besides. The error pages are generated from it.

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

macro_rules! codes {
    ($($name:ident $id:literal $status:literal $title:literal $text:literal;)*) => {
        $(#[doc = concat!("`", $id, "`: ", $title)] pub static $name: Code = Code { id: $id, status: $status, title: $title, text: $text };)*
        /// Every code, in the order of this file.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    FLOW_1100 "FLOW-1100-400" 400 "Invalid request" "The request cannot be understood as it stands. The message names the member or parameter at fault.";
    FLOW_1101 "FLOW-1101-404" 404 "Not found at the source" "The source has no such bucket, folder, file or table. Explore the connection to see what it holds.";
    FLOW_1102 "FLOW-1102-500" 500 "The source failed" "The source answered with an error. Its message says why; check the credentials and the source's own status.";
    FLOW_1103 "FLOW-1103-503" 503 "The source is unavailable" "The source could not be reached. Try again later, or check the endpoint.";
    FLOW_1104 "FLOW-1104-504" 504 "The source timed out" "The source did not answer in time. Try again later.";
    FLOW_1400 "FLOW-1400-500" 500 "Internal error" "A fault of this server. The log has the details under the request id.";
    FLOW_1401 "FLOW-1401-400" 400 "limit and count together" "Send either limit or count=true: a count is not paged.";
    FLOW_1402 "FLOW-1402-400" 400 "Reserved to providers" "Finalisation belongs to the provider of the source; it cannot be called with a user's token.";
    FLOW_1403 "FLOW-1403-400" 400 "If-Match is missing" "Read the resource and send its etag in the If-Match header.";
    FLOW_1404 "FLOW-1404-412" 412 "The version does not match" "Somebody changed the resource since it was read. Read it again, apply the change to it, and send its new etag.";
    FLOW_1405 "FLOW-1405-400" 400 "The body is empty" "The request needs a JSON body.";
    FLOW_1410 "FLOW-1410-400" 400 "state may not be given" "A new flow is enabled. Leave state out, and disable the flow by an action afterwards.";
    FLOW_1411 "FLOW-1411-400" 400 "The id comes from the path" "Leave the id out of the body.";
    FLOW_1412 "FLOW-1412-400" 400 "Bad mapping version" "The mapping set has no such version. Use the version that its creation answered.";
    FLOW_1413 "FLOW-1413-400" 400 "Invalid spec id" "There is no connection spec or flow spec of that id. List the specs to find it.";
    FLOW_1414 "FLOW-1414-400" 400 "The spec may not change" "A connection keeps its connection spec. Create another connection instead.";
    FLOW_1415 "FLOW-1415-400" 400 "Unknown auth spec" "auth.specName is none of the connection spec's authSpec names.";
    FLOW_1416 "FLOW-1416-400" 400 "Not possible in this state" "Only an enabled, disabled or initializing resource can be changed or deleted.";
    FLOW_1417 "FLOW-1417-400" 400 "initializing is reserved" "A user's token cannot set the state initializing.";
    FLOW_1418 "FLOW-1418-400" 400 "The connection is in use" "Delete the flows that use the connection first.";
    FLOW_1419 "FLOW-1419-400" 400 "The mapping is not valid" "A mapping does not fit the schema or cannot be parsed. The report points at the mapping and the characters.";
    FLOW_1422 "FLOW-1422-400" 400 "The action is not possible in this state" "Read the resource to see its state.";
    FLOW_1423 "FLOW-1423-400" 400 "The field cannot be changed" "The member is read-only or not supported.";
    FLOW_1425 "FLOW-1425-400" 400 "The schemas differ" "The dataset's schema must be the mapping set's and the target connection's.";
    FLOW_1427 "FLOW-1427-400" 400 "Not allowed on runs" "A user's token cannot do this to a run.";
    FLOW_1430 "FLOW-1430-400" 400 "There is no such flow" "The flow named in the body does not exist in this sandbox.";
    FLOW_1432 "FLOW-1432-400" 400 "Bad sort direction" "Write -name for descending, name for ascending order.";
    FLOW_1433 "FLOW-1433-400" 400 "Bad sort field" "orderby names a member that cannot be sorted by.";
    FLOW_1434 "FLOW-1434-400" 400 "The patch operation is not supported" "Only add, replace and remove are.";
    FLOW_1435 "FLOW-1435-400" 400 "Unknown subOp" "subOp is one of APPLY, ROLLBACK and PROGRESS.";
    FLOW_1439 "FLOW-1439-404" 404 "Resource not found" "There is no such resource in this organization and sandbox.";
    FLOW_1440 "FLOW-1440-400" 400 "The operator ~ is not implemented" "Use ==, !=, <, <=, > or >=.";
    FLOW_1443 "FLOW-1443-400" 400 "One value only" "<, <=, > and >= compare with one value.";
    FLOW_1444 "FLOW-1444-400" 400 "The flow is not in the expected state" "A run on demand needs an enabled flow with the frequency once.";
    FLOW_1445 "FLOW-1445-400" 400 "The connection is not enabled" "Enable or publish the connection first.";
    FLOW_1446 "FLOW-1446-400" 400 "The flow's id is empty" "Send flowId.";
    FLOW_1447 "FLOW-1447-400" 400 "Still in use" "Active flows still refer to this. Delete them first.";
    FLOW_1448 "FLOW-1448-400" 400 "The operator does not fit the field" "This field cannot be compared in this way.";
    FLOW_1449 "FLOW-1449-400" 400 "Bad field" "The filter's path cannot be parsed.";
    FLOW_1450 "FLOW-1450-400" 400 "Bad operator" "Use ==, !=, <, <=, > or >=.";
    FLOW_1451 "FLOW-1451-400" 400 "Bad parameters" "A query parameter is missing, unknown or sent twice.";
    FLOW_1452 "FLOW-1452-400" 400 "Bad value" "A value cannot be read as what its field or parameter needs.";
    FLOW_1453 "FLOW-1453-400" 400 "Empty value" "The filter compares with nothing.";
    FLOW_1455 "FLOW-1455-400" 400 "A patch item lacks a member" "Each item needs op and path; add and replace need value.";
    FLOW_1456 "FLOW-1456-400" 400 "Bad state" "state is one of enabled, disabled and initializing.";
    FLOW_2100 "FLOW-2100-404" 404 "Sandbox not found" "The organization has no sandbox of the name in x-sandbox-name.";
    FLOW_2105 "FLOW-2105-400" 400 "x-sandbox-name is missing" "Name the sandbox in the header x-sandbox-name.";
    FLOW_2110 "FLOW-2110-400" 400 "x-sandbox-id is not for users" "Name the sandbox in x-sandbox-name instead.";
    FLOW_2111 "FLOW-2111-403" 403 "All sandboxes at once" "x-sandbox-name: * is restricted. Name one sandbox.";
    GATEWAY_400003 "400003" 400 "Missing header" "Send the organization in the header x-gw-ims-org-id.";
    GATEWAY_401013 "401013" 401 "Oauth token is not valid" "The token is expired or was not issued by this server. Ask for a new one.";
    GATEWAY_403000 "403000" 403 "Api Key is required" "Send the client id in the header x-api-key.";
    GATEWAY_403003 "403003" 403 "Api Key is invalid" "The client id in x-api-key is not the token's.";
    GATEWAY_403010 "403010" 403 "Oauth token is missing." "Send Authorization: Bearer and a token.";
    GATEWAY_403025 "403025" 403 "Profile is not valid" "The organization in x-gw-ims-org-id is not the token's.";
    XDM_1006 "XDM-1006-400" 400 "Accept header is not valid" "A list of schemas needs Accept: application/vnd.adobe.xed-id+json or application/vnd.adobe.xed+json.";
    XDM_1007 "XDM-1007-400" 400 "Accept header lacks the version" "A look-up needs Accept: application/vnd.adobe.xed+json; version=1 or its -full form.";
    XDM_1012 "XDM-1012-404" 404 "Resource not found" "The registry has no resource of that id in this sandbox.";
    HTTP_400 "400" 400 "BadRequestError" "The request cannot be understood as it stands.";
    HTTP_404 "404" 404 "NotFoundError" "There is nothing at this address.";
    HTTP_405 "405" 405 "MethodNotAllowedError" "The header Allow names the methods of this address.";
    HTTP_409 "409" 409 "ConflictError" "Something of that name exists, or is still in use.";
    HTTP_416 "416" 416 "RangeNotSatisfiableError" "The range lies outside the file.";
}
