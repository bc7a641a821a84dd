"""aepp, the public Python client of the platform, unmodified, against a server: every method that has an operation here.

    aepp_client.py PART < SCENE     one part of SCENES below; prints what was wrong and fails
    aepp_client.py methods          every public method is either called here, or not ours for a reason

A scene is one JSON object: url, credentials (imsOrgId, clientId, clientSecret, sandbox), s3 (endpoint, accessKey,
secretKey, bucket, path) and hubspot (clientId, clientSecret, accessToken, refreshToken). aepp answers errors as values
and often hides the status: what must be refused is looked at through its body.
"""

import ast
import inspect
import io
import json
import sys
import time
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import aepp
from aepp import (accesscontrol, catalog, dataaccess, dataprep, datasets, flowservice, ingestion, observability, sandboxes,
                  schema)

S3 = "ecadc60c-7455-4d87-84dc-2a0e293d997b"
HUBSPOT = "cc6a4487-9e91-433e-a3a3-9cf6626c1806"
LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
FILES_FLOW = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
TABLES_FLOW = "14518937-270c-4525-bdec-c2ba7cce3860"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
PERSON = "https://ns.adobe.com/xdm/context/profile-person-details"
PERSONAL = "https://ns.adobe.com/xdm/context/profile-personal-details"
XED = "application/vnd.adobe.xed+json;version=1"
FAR = 4_000_000_000

CLASSES = [flowservice.FlowService, flowservice.FlowManager, catalog.Catalog, schema.Schema, dataprep.DataPrep,
           sandboxes.Sandboxes, accesscontrol.AccessControl, dataaccess.DataAccess, ingestion.DataIngestion,
           observability.Observability, datasets.DataSets]

# Public methods that are not called here, and why.
NOT_OURS = {
    "calls no server": """decodeStreamBatch jsonStreamMessages copyMappingRules cleanMappingRules copyFieldGroup
        createDescriptorOperation compareDFschemas transformDataToDataFrame updateSandbox""",
    "breaks before it calls the server (aepp 0.6.0)": """getResourceToFile getXDMBatchConversionRequestActivities
        importResource updatePolicy createFlowDataLakeToDataLandingZone createFlowStreaming replayBatch
        getParquetFilesToDataFrame getMapperErrors""",
    "the profile store, which is not there": """createConnectionToUPS getUPSFlow getUISFlow getUPSFlowRuns getUISFlowRuns
        createUnionProfileDataset getProfileSnapshotDatasets""",
    "the landing zone, which is not there": """getLandingZoneContainer getLandingZoneContainerName
        getLandingZoneStorageName getLandingZoneContainerTTL getLandingZoneStorageTTL getLandingZoneCredential
        getLandingZoneSASUri getLandingZoneSASToken getLandingZoneStorageAccountName getLandingZoneNamespace
        exploreLandingZone getLandingZoneContent createSourceConnectionDataLandingZone
        createTargetConnectionDataLandingZone createFlowDataLandingZoneToDataLake""",
    "destinations, which are not there": """getExportableDatasets getExportableDatasetsDLZ createBaseConnectionS3Target
        createBaseConnectionBlobTarget createBaseConnectionDLZTarget exportDatasetToDLZ
        createSourceConnectionDataLake createTargetConnectionDatasetToDataLandingZone""",
    "streaming, which is not there": "streamMessage streamMessages",
    "no operation of the contract": """getXDMBatchConversions getXDMBatchConversion getXDMBatchConversionActivities
        createXDMConversion getMappingSuggestions createMappingSetMapping updateMappingSetMapping
        deleteMappingSetMapping getDataSetExpiration setDatasetTTL createB2Bschemas getPreviewBatchDataset
        getPackages getPackage getPublicPackages deletePackage createPackage updatePackage publishPackage
        importPackageCheck importPackage getPackageDependencies getImportExportJobs checkPermissions
        createShareRequest approvingShareRequest getShareRequests transferPackage getTransfer getTransfers
        importPublicPackage publishPackagePublic getPermissionCategories getPermissionSets""",
}


class Scene:
    """A signed-in aepp, and what was wrong so far."""

    def __init__(self, given):
        self.given, self.faults, self.at = given, [], ""
        who = given["credentials"]
        aepp.config.endpoints["global"] = given["url"]
        aepp.config.config_object.update(
            org_id=who["imsOrgId"], client_id=who["clientId"], secret=who["clientSecret"], sandbox=who["sandbox"],
            scopes="openid,session,AdobeID,read_organizations,additional_info.projectedProductContext", retry=0,
            environment="prod", oauthTokenEndpointV2=given["url"] + "/ims/token/v3")
        aepp.config.header.update({"x-api-key": who["clientId"], "x-gw-ims-org-id": who["imsOrgId"],
                                   "x-sandbox-name": who["sandbox"]})
        self.flows = flowservice.FlowService()
        self.catalog = catalog.Catalog()
        self.schemas = schema.Schema()
        self.prep = dataprep.DataPrep()

    def check(self, holds, *said):
        """Notes a fault and goes on, so that one run tells all of them."""
        if not holds:
            line = inspect.currentframe().f_back.f_lineno
            self.faults.append(f"line {line}, {self.at}: " + " ".join(str(s)[:600] for s in said))
        return holds

    def refused(self, answer, status, code=""):
        """An error that a program can read: a numeric status in the body (FS-ERR-1)."""
        line = inspect.currentframe().f_back.f_lineno
        if not (isinstance(answer, dict) and answer.get("status") == status and code in str(answer.get("type"))):
            self.faults.append(f"line {line}, {self.at}: expected {status} {code}, got {str(answer)[:600]}")

    def pair(self, answer):
        """`{id, etag}` and nothing else (FS-ENV-6, FS-ENV-7); answers the id."""
        line = inspect.currentframe().f_back.f_lineno
        if not (isinstance(answer, dict) and sorted(answer) == ["etag", "id"] and answer["etag"].startswith('"')):
            self.faults.append(f"line {line}, {self.at}: not an id and an etag: {str(answer)[:600]}")
            raise Broken(answer)
        return answer["id"]

    def settled(self, flow):
        """Waits until no run of the flow is open; answers its runs, newest first."""
        ends = time.time() + 120
        while time.time() < ends:
            runs = self.flows.getRuns(prop=f"flowId=={flow}")
            if runs and all(run["state"] in ("success", "failed") for run in runs):
                return runs
            time.sleep(0.1)
        raise Broken(f"the runs of {flow} do not end")

    def people(self):
        """A schema, a dataset and a mapping set for people."""
        made = self.schemas.createProfileSchema(
            name=f"People {time.time_ns()}", fieldGroupIds=[PERSON, PERSONAL], description="by aepp")
        self.check(made.get("$id", "").startswith("https://ns.adobe.com/") and "meta:altId" in made, made)
        linked = self.catalog.createDataSet(name=f"people {time.time_ns()}", schemaId=made["$id"])
        self.check(isinstance(linked, list) and linked[0].startswith("@/dataSets/"), linked)
        dataset = linked[0].removeprefix("@/dataSets/")
        rules = [{"sourceType": "ATTRIBUTE", "source": source, "destination": destination} for source, destination in
                 [("id", "_id"), ("first", "person.name.firstName"), ("email", "personalEmail.address")]]
        mapping = self.prep.createMappingSet(schemaId=made["$id"], mappingList=rules)
        self.check(len(mapping.get("id", "")) == 32 and mapping.get("version") == 0, mapping)
        return made, dataset, mapping["id"], rules

    def bucket(self):
        s3 = self.given["s3"]
        return {"s3AccessKey": s3["accessKey"], "s3SecretKey": s3["secretKey"], "serviceUrl": s3["endpoint"],
                "bucketName": s3["bucket"]}

    def files_flow(self, base, frequency="once"):
        """A flow of files by aepp's own calls; answers its parts."""
        made, dataset, mapping, rules = self.people()
        source = self.pair(self.flows.createSourceConnection({
            "name": "files", "baseConnectionId": base, "connectionSpec": {"id": S3, "version": "1.0"},
            "data": {"format": "delimited"},
            "params": {"path": self.given["s3"]["path"], "type": "file", "recursive": False}}))
        target = self.pair(self.flows.createTargetConnectionDataLake(
            name="lake", datasetId=dataset, schemaId=made["$id"], format="parquet_xdm"))
        start = FAR if frequency != "once" else int(time.time())
        obj = {"name": f"flow {time.time_ns()}", "flowSpec": {"id": FILES_FLOW, "version": "1.0"},
               "sourceConnectionIds": [source], "targetConnectionIds": [target],
               "transformations": [{"name": "Mapping", "params": {"mappingId": mapping, "mappingVersion": 0}}],
               "scheduleParams": {"startTime": str(start), "frequency": frequency, "interval": "15"}}
        flow = self.pair(self.flows.createFlow(FILES_FLOW, obj=obj))
        return {"flow": flow, "source": source, "target": target, "dataset": dataset, "schema": made, "mapping": mapping,
                "rules": rules, "name": obj["name"]}


class Broken(Exception):
    """What follows makes no sense any more."""


def connections(it):
    flows = it.flows
    specs = flows.getConnectionSpecsMap()
    it.check(len(specs) >= 10 and specs["amazon-s3"] == S3 and specs["hubspot"] == HUBSPOT and specs["datalake"] == LAKE, specs)
    it.check(len(specs) == len(flows.getConnectionSpecs()), "names of connection specs are not unique")
    it.check(flows.getConnectionSpecIdFromName("amazon-s3") == S3)
    it.check([s["name"] for s in flows.getConnectionSpec(S3)["items"]] == ["amazon-s3"])
    it.refused(flows.getConnectionSpec("00000000-0000-4000-8000-000000000000"), 404, "FLOW-1439")
    by_name = flows.getFlowSpecs("name==CloudStorageToAEP")
    it.check([s["id"] for s in by_name] == [FILES_FLOW], by_name)
    it.check(len(flows.getFlowSpecs()) >= 2)
    it.check(flows.getFlowSpecIdFromNames("CloudStorageToAEP", "amazon-s3", "datalake") == FILES_FLOW)
    it.check(flows.getFlowSpecIdFromNames("CRMToAEP", "hubspot") == TABLES_FLOW)
    it.check(flows.getFlowSpec(TABLES_FLOW)["name"] == "CRMToAEP")

    base = it.pair(flows.createConnection(
        name="by parts", auth={"specName": "Access Key", "params": it.bucket()},
        connectionSpec={"id": S3, "version": "1.0"}))
    other = it.pair(flows.createConnection({
        "name": "whole", "auth": {"specName": "Access Key", "params": it.bucket()},
        "connectionSpec": {"id": S3, "version": "1.0"}}))
    raw = flows.createConnection(name="raw", auth={"specName": "Access Key", "params": it.bucket()},
                                 connectionSpec={"id": S3}, responseType="raw")
    it.check(raw.status_code == 201 and raw.headers["content-type"].lower() == "application/json;charset=utf-8", raw.headers)
    it.refused(flows.createConnection({"name": "x", "connectionSpec": {"id": "no-such-spec"}}), 400, "FLOW-1413")
    it.refused(flows.createConnection(name="x", auth={"specName": "No Such", "params": {}}, connectionSpec={"id": S3}),
               400, "FLOW-1415")
    stream = flows.createConnectionStreaming(name="inlet", sourceId="s1", paramName="inlet")
    it.check("id" in stream or stream.get("status") == 400, stream)
    it.check(flows.connectionTest(base)["result"] is True, flows.connectionTest(base))
    shown = flows.getConnection(base)
    it.check(shown["name"] == "by parts" and shown["auth"]["specName"] == "Access Key", shown)
    it.check(it.given["s3"]["secretKey"] not in json.dumps(shown), "FS-ENV-9: the secret is shown")
    for path, params in [("root", {"objectType": "root"}), ("folder", {"objectType": "folder", "object": "/in"})]:
        listed = flows.getResource(f"{flows.endpoint}/connections/{base}/explore", params=params)
        it.check(isinstance(listed, list) and listed, path, listed)
    file = flows.getResource(f"{flows.endpoint}/connections/{base}/explore", params={
        "objectType": "file", "object": it.given["s3"]["path"], "FILE_TYPE": "delimited", "preview": True})
    it.check(file.get("format") == "flat" and file["data"][0]["first"] == "Ada", file)

    # aepp pages with the relative link as it is, and repeats its own parameters (FS-ENV-3).
    ids = [one["id"] for one in flows.getConnections(limit=1, n_results="inf")]
    it.check(len(ids) == len(set(ids)) and {base, other} <= set(ids), ids)
    one = flows.getConnections(limit=2, n_results=2, property=f"id=={base}")
    it.check([c["id"] for c in one] == [base], one)
    counted = flows.getConnections(count=True)
    it.check(counted.get("status") == 400 and "FLOW-1401" in counted["type"], "FS-ENV-4: limit with count", counted)

    before = flows.getConnection(base)
    changed = flows.patchConnection(base, [{"op": "replace", "path": "/name", "value": "renamed"}])
    it.pair(changed)
    it.check(changed["etag"] != before["etag"], "FS-ETAG-2")
    it.check(flows.getConnection(base)["name"] == "renamed")
    masked = flows.getConnection(base)["auth"]["params"]
    it.pair(flows.patchConnection(base, [{"op": "Replace", "path": "/auth/params", "value": masked}]))
    it.check(flows.connectionTest(base)["result"] is True, "FS-ENV-9: a mask that came back destroyed the secret")
    it.refused(flows.patchConnection(base, [{"op": "move", "from": "/name", "path": "/x"}]), 400, "FLOW-1434")
    it.check(flows.deleteConnection(other) == 204)
    it.refused(flows.deleteConnection(other), 404, "FLOW-1439")
    it.check(flows.getConnection(other) == {}, "a deleted connection is still there")


def s3(it):
    """platform.md §8.1, and FlowManager over its end."""
    flows = it.flows
    base = it.pair(flows.createConnection(
        name="bucket", auth={"specName": "Access Key", "params": it.bucket()}, connectionSpec={"id": S3, "version": "1.0"}))
    made = it.files_flow(base)
    flow = made["flow"]
    run = it.settled(flow)[0]
    counts = run["metrics"]["recordSummary"]
    it.check(run["state"] == "success" and counts["outputRecordCount"] == 3, run)
    it.check(flows.getRun(run["id"])[0]["flowId"] == flow)
    it.check(flows.getRuns(prop=[f"flowId=={flow}", "metrics.statusSummary.status==Success"])[0]["id"] == run["id"],
             "FS-Q-4: statuses are compared without regard to case")
    it.check(flows.getRuns(prop=[f"flowId=={flow}", "metrics.statusSummary.status==failed"]) == [])

    # aepp always sends `status`, and expects an id.
    again = flows.createRun(flowId=flow)
    it.check("id" in again, again)
    it.refused(flows.createRun(flowId="00000000-0000-4000-8000-000000000000"), 400, "FLOW-1430")
    runs = it.settled(flow)
    it.check(len(runs) == 2 and len({r["id"] for r in flows.getRuns(limit=1, n_results="inf", prop=f"flowId=={flow}")}) == 2, runs)

    batches = it.catalog.getLastBatches(dataSetId=made["dataset"])
    it.check(batches, batches)
    batches = it.catalog.getBatches(dataSet=made["dataset"], n_results="inf", limit=1)
    batch = next((b for b, v in batches.items() if v.get("metrics", {}).get("outputRecordCount") == 3), None)
    it.check(batch, batches)
    it.check(it.catalog.getBatch(batch)[batch]["status"] == "success", it.catalog.getBatch(batch))
    it.check(it.catalog.findActiveBatch(batch) == batch)
    it.check(len(it.catalog.getBatches(dataSet=made["dataset"], output="dataframe")) == len(batches))
    it.catalog.getFailedBatchesDF(dataSet=made["dataset"])
    access = dataaccess.DataAccess()
    files = access.getBatchFiles(batch)
    it.check(files and files[0]["dataSetFileId"], files)
    listing = access.getFiles(files[0]["dataSetFileId"])
    it.check(listing["data"] and listing["data"][0]["name"].endswith(".parquet"), listing)
    name = listing["data"][0]["name"]
    parquet = access.getFiles(files[0]["dataSetFileId"], path=name)
    import pandas
    it.check(len(pandas.read_parquet(parquet)) == 3)
    head = access.getHeadFile(files[0]["dataSetFileId"], path=name)
    it.check(head is not None)
    it.check(access.getBatchMeta(batch, path="input_files")["data"], access.getBatchMeta(batch, path="input_files"))
    it.check(access.getBatchFailed(batch) == [], access.getBatchFailed(batch))
    preview = access.getPreview(made["dataset"])
    it.check(sorted(r["_id"] for r in preview) == ["1", "2", "3"], preview)
    it.refused(access.getPreview("0" * 24), 404)

    manager = flowservice.FlowManager(flow)
    it.check(manager.flowType == "source" and manager.flowSpec["name"] == "CloudStorageToAEP", manager.summary())
    it.check(manager.datasetId == made["dataset"] and manager.flowTargetConnection["params"]["datasetName"].startswith("people"))
    it.check(manager.flowTargetConnection["data"]["schema"]["name"] == made["schema"]["title"])
    it.check(manager.flowMapping["createdDateTS"] > 1_600_000_000_000, manager.flowMapping)
    it.check(manager.state == "enabled" and manager.lastRunStartedUTC, manager.flowData)
    it.check(manager.getFlowSpec()["id"] == FILES_FLOW)
    it.check(manager.getSourceConnection()["id"] == made["source"])
    it.check(manager.getConnectionSpec()["items"][0]["id"] == S3)
    it.check(manager.getTargetConnection()["id"] == made["target"])
    it.check(manager.getTargetConnectionSpec()["items"][0]["id"] == S3, "aepp asks for the source's")
    it.check(len(manager.getRuns()) == 2 and len(manager.getRuns(prop=["state==success"])) == 2)
    set2 = it.prep.createMappingSet(schemaId=made["schema"]["$id"], mappingList=made["rules"][:2])
    it.pair(manager.updateFlowMapping(set2["id"]))
    it.check(flows.getFlow(flow)["transformations"][0]["params"]["mappingId"] == set2["id"])
    it.pair(flowservice.FlowManager(flow).updateFlow([{"op": "replace", "path": "/description", "value": "d"}]))


def flows(it):
    flows = it.flows
    base = it.pair(flows.createConnection(
        name="bucket", auth={"specName": "Access Key", "params": it.bucket()}, connectionSpec={"id": S3, "version": "1.0"}))
    made = it.files_flow(base, "minute")
    flow = made["flow"]
    shown = flows.getFlow(flow)
    it.check(shown["state"] == "enabled" and shown["sourceConnectionIds"] == [made["source"]], shown)
    it.check(shown["scheduleParams"]["interval"] == "15", "what was sent comes back", shown)
    it.check([f["id"] for f in flows.getFlows(prop=f"name=={made['name']}")] == [flow])
    it.check(flow in [f["id"] for f in flows.getFlows(onlySources=True)])
    it.check(flows.getFlows(onlyDestinations=True) == [])
    it.check([f["id"] for f in flows.getFlows(filterMappingSetIds=[made["mapping"]])] == [flow])
    it.check([f["id"] for f in flows.getFlows(filterSourceIds=[made["source"]])] == [flow])
    it.check([f["id"] for f in flows.getFlows(filterTargetIds=[made["target"]])] == [flow])
    second = it.files_flow(base, "minute")
    paged = [f["id"] for f in flows.getFlows(limit=1, n_results="inf")]
    it.check(len(paged) == len(set(paged)) and {flow, second["flow"]} <= set(paged), paged)
    it.check(flows.getUPSFlows() == [] and flows.getUISFlows() == [])

    # Its own builder of a body: text for the interval, no backfill, a name of a folder for destinations.
    by_parts = flows.createFlow(
        FILES_FLOW, name="by parts", source_connection_id=made["source"], target_connection_id=made["target"],
        schedule_start_time=str(FAR), schedule_frequency="minute", schedule_interval=30,
        transformation_mapping_id=made["mapping"], transformation_name="Mapping", transformation_version=0)
    it.pair(by_parts)

    change = [{"op": "replace", "path": "/scheduleParams/frequency", "value": "day"}]
    patched = flows.updateFlow(flow, etag=shown["etag"], updateObj=change)
    it.pair(patched)
    it.refused(flows.updateFlow(flow, etag=shown["etag"], updateObj=change), 412, "FLOW-1404")
    it.check(flows.getFlow(flow)["scheduleParams"]["frequency"] == "day")
    for op, state in [("disable", "disabled"), ("enable", "enabled")]:
        it.pair(flows.postFlowAction(flow, op))
        it.check(flows.getFlow(flow)["state"] == state, op, flows.getFlow(flow)["state"])
    it.refused(flows.postFlowAction(flow, "explode"), 400)

    for kind, all_of, one_of, update, ident in [
            ("source", flows.getSourceConnections, flows.getSourceConnection, flows.updateSourceConnection, made["source"]),
            ("target", flows.getTargetConnections, flows.getTargetConnection, flows.updateTargetConnection, made["target"])]:
        listed = [c["id"] for c in all_of(n_results="inf", limit=1)]
        it.check(ident in listed and len(listed) == len(set(listed)), kind, listed)
        etag = one_of(ident)["etag"]
        it.pair(update(ident, etag=etag, updateObj=[{"op": "replace", "path": "/name", "value": "renamed"}]))
        it.check(one_of(ident)["name"] == "renamed", kind)
        it.refused(update(ident, etag=etag, updateObj=[{"op": "replace", "path": "/name", "value": "x"}]), 412, "FLOW-1404")
    it.refused(flows.deleteSourceConnection(made["source"]), 400)
    it.refused(flows.deleteConnection(base), 400, "FLOW-1418")
    it.pair(flows.createTargetConnection(name="short", connectionSpecId=LAKE, datasetId=made["dataset"]))
    stream = flows.createSourceConnectionStreaming(connectionId=base, name="stream")
    it.refused(stream, 400)

    for ident in [flow, by_parts["id"]]:
        it.check(flows.deleteFlow(ident) == 204)
    it.check(flows.getFlow(flow) == {})
    it.check(flows.deleteSourceConnection(made["source"]) == 204)
    it.check(flows.deleteTargetConnection(made["target"]) == 204)
    it.check(flows.getSourceConnection(made["source"]) == {})


def hubspot(it):
    """platform.md §8.2."""
    flows, who = it.flows, it.given["hubspot"]
    params = {name: who[name] for name in ("clientId", "clientSecret", "accessToken", "refreshToken")}
    base = it.pair(flows.createConnection(
        name="hubspot", auth={"specName": "Basic Authentication", "params": params},
        connectionSpec={"id": HUBSPOT, "version": "1.0"}))
    it.check(flows.connectionTest(base)["result"] is True)
    explore = f"{flows.endpoint}/connections/{base}/explore"
    tables = flows.getResource(explore, params={"objectType": "root"})
    it.check("Hubspot.Contacts" in [t["path"] for t in tables], tables)
    table = flows.getResource(explore, params={"objectType": "table", "object": "Hubspot.Contacts"})
    it.check("Properties_Firstname_Value" in [c["name"] for c in table["schema"]["columns"]], table)
    source = it.pair(flows.createSourceConnection({
        "name": "contacts", "baseConnectionId": base, "connectionSpec": {"id": HUBSPOT, "version": "1.0"},
        "data": {"format": "tabular"}, "params": {"path": "Hubspot.Contacts"}}))
    made = it.schemas.createProfileSchema(name=f"Contacts {time.time_ns()}", fieldGroupIds={PERSON: "object"})
    descriptor = it.schemas.createDescriptor(
        sourceSchema=made["$id"], sourceProperty="/_id", namespace="HubSpot", primary=True, **{"xdm:property": "xdm:code"})
    it.check("@id" in descriptor, descriptor)
    dataset = it.catalog.createDataSet(name="contacts", schemaId=made["$id"], upsert=True)[0].removeprefix("@/dataSets/")
    target = it.pair(flows.createTargetConnectionDataLake(name="lake", datasetId=dataset, schemaId=made["$id"]))
    mapping = it.prep.createMappingSet(mappingSet={
        "version": 0, "xdmSchema": made["meta:altId"], "xdmVersion": "1.0", "id": None, "mappings": [
            {"destinationXdmPath": to, "sourceAttribute": column, "identity": False, "identityGroup": None,
             "namespaceCode": None, "version": 0}
            for column, to in [("Vid", "_id"), ("Properties_Firstname_Value", "person.name.firstName"),
                               ("Added_At", "_repo.createDate")]]})
    delta = {"name": "updatedAt", "dateFormat": "YYYY-MM-DD", "timezone": "UTC"}
    flow = it.pair(flows.createFlow(TABLES_FLOW, obj={
        "name": "contacts", "flowSpec": {"id": TABLES_FLOW, "version": "1.0"}, "sourceConnectionIds": [source],
        "targetConnectionIds": [target],
        "transformations": [{"name": "Copy", "params": {"deltaColumn": delta}},
                            {"name": "Mapping", "params": {"mappingId": mapping["id"], "mappingVersion": 0}}],
        "scheduleParams": {"startTime": str(int(time.time())), "frequency": "once", "interval": "15"}}))
    run = it.settled(flow)[0]
    it.check(run["state"] == "success" and run["metrics"]["recordSummary"]["outputRecordCount"] == who["contacts"], run)
    flows.createRun(flowId=flow)
    it.check(it.settled(flow)[0]["metrics"]["recordSummary"]["inputRecordCount"] == 0, "a second run without changes")
    manager = flowservice.FlowManager(flow)
    it.check(manager.flowSpec["name"] == "CRMToAEP" and manager.flowSourceConnection["params"]["path"] == "Hubspot.Contacts")
    it.refused(flows.createConnection(
        name="x", auth={"specName": "Basic Authentication", "params": {"clientId": "x"}}, connectionSpec={"id": HUBSPOT}), 400)


def registry(it):
    schemas = it.schemas
    tenant = schemas.getTenantId()
    it.check(tenant and schemas.getStats()["imsOrg"] == it.given["credentials"]["imsOrgId"])
    group = schemas.createFieldGroup({
        "type": "object", "title": "Own fields", "description": "by aepp", "meta:intendedToExtend": [PROFILE],
        "definitions": {"property": {"type": "object", "properties": {f"_{tenant.lstrip('_')}": {
            "type": "object", "properties": {"visits": {"type": "integer", "title": "Visits"}}}}}},
        "allOf": [{"$ref": "#/definitions/property", "type": "object", "meta:xdmType": "object"}]})
    it.check(group.get("meta:resourceType") in ("mixins", "fieldgroups"), group)
    made = schemas.createProfileSchema(name="Registry", fieldGroupIds=[PERSON], description="d")
    for ident in (made["$id"], made["meta:altId"]):
        for full in (False, True):
            found = schemas.getSchema(ident, full=full)
            it.check(found.get("$id") == made["$id"] and ("properties" in found) >= full, ident, full, found)
    it.check("title" in schemas.getSchema(made["$id"], desc=True), "full-desc")
    it.check("title" in schemas.getSchema(made["$id"], schema_type="xed", deprecated=True), "full-deprecated")
    paths = schemas.getSchemaPaths(made["$id"])
    it.check("person.name.firstName" in paths, paths)
    it.check(isinstance(schemas.getSchemaSample(made["$id"]), dict) and schemas.getSchemaSample(made["$id"]).get("status") is None,
             schemas.getSchemaSample(made["$id"]))
    listed = schemas.getSchemas()
    it.check(made["$id"] in [s["$id"] for s in listed], listed)
    it.check([s["$id"] for s in schemas.getSchemas(prop=f"title=={made['title']}")] == [made["$id"]])
    it.check(made["$id"] in [s["$id"] for s in schemas.getSchemas(classFilter=PROFILE)])
    it.check(all(s["title"] for s in schemas.getSchemasGlobal()))
    full = schemas.addFieldGroupToSchema(made["$id"], fieldGroupIds=[group["$id"]])
    it.check(group["$id"] in [r["$ref"] for r in full.get("allOf", [])], full)
    renamed = schemas.patchSchema(made["$id"], [{"op": "replace", "path": "/title", "value": "Registry 2"}])
    it.check(renamed.get("title") == "Registry 2", renamed)
    it.check("union" in schemas.enableSchemaForRealTime(made["$id"]).get("meta:immutableTags", []))
    it.check("union" in schemas.enableSchemaForUPS(made["$id"]).get("meta:immutableTags", []))
    body = {"type": "object", "title": "Put", "description": "d", "allOf": [{"$ref": PROFILE}]}
    other = schemas.createSchema(body)
    it.check(schemas.putSchema(other["$id"], {**body, "title": "Put 2"}).get("title") == "Put 2")
    event = schemas.createExperienceEventSchema(name="Events", fieldGroupIds=[])
    it.check(event.get("meta:class", "").endswith("experienceevent"), event)

    it.check(any(g["$id"] == group["$id"] for g in schemas.getFieldGroups()))
    it.check(any(g["$id"] == PERSON for g in schemas.getFieldGroupsGlobal()))
    it.check(schemas.getFieldGroup(group["$id"]).get("title") == "Own fields")
    it.check(schemas.getFieldGroup(group["meta:altId"], full=False).get("title") == "Own fields")
    it.check(schemas.patchFieldGroup(group["$id"], [{"op": "replace", "path": "/description", "value": "e"}])
             .get("description") == "e")
    extended = schemas.extendFieldGroup(group["$id"])
    it.check("https://ns.adobe.com/xdm/context/experienceevent" in extended.get("meta:intendedToExtend", []), extended)
    it.refused(schemas.deleteFieldGroup(group["$id"]), 409)
    loose = schemas.createFieldGroup({**{k: group[k] for k in ("type", "definitions", "allOf", "meta:intendedToExtend")},
                                      "title": "Loose"})
    put = schemas.putFieldGroup(loose["$id"], {"type": "object", "title": "Loose 2", "meta:intendedToExtend": [PROFILE],
                                               "definitions": group["definitions"], "allOf": group["allOf"]})
    it.check(put.get("title") == "Loose 2", put)
    it.check(schemas.deleteFieldGroup(loose["$id"]) == 204)

    it.check({PROFILE, "https://ns.adobe.com/xdm/context/experienceevent"} <= {c["$id"] for c in schemas.getClassesGlobal()})
    own = schemas.createClass(title="Own class", class_template="https://ns.adobe.com/xdm/data/record")
    it.check(own.get("meta:resourceType") == "classes", own)
    it.check(any(c["$id"] == own.get("$id") for c in schemas.getClasses()))
    it.check(schemas.getClass(own["$id"]).get("title") == "Own class")
    it.check(schemas.patchClass(own["$id"], [{"op": "replace", "path": "/title", "value": "Class 2"}]).get("title") == "Class 2")
    it.check(schemas.putClass(own["$id"], {"type": "object", "title": "Class 3",
                                           "allOf": [{"$ref": "https://ns.adobe.com/xdm/data/record"}]}).get("title") == "Class 3")
    it.check(schemas.deleteClass(own["$id"]) == 204)
    types = {t["$id"] for t in schemas.getDataTypesGlobal()}
    it.check(types, types)
    kind = schemas.createDataType({"type": "object", "title": "Shoe", "properties": {"size": {"type": "integer"}}})
    it.check(kind.get("meta:resourceType") == "datatypes", kind)
    it.check(any(t["$id"] == kind["$id"] for t in schemas.getDataTypes()))
    it.check(schemas.getDataType(kind["$id"]).get("title") == "Shoe")
    alt = kind["meta:altId"]
    it.check(schemas.patchDataType(alt, [{"op": "replace", "path": "/title", "value": "Boot"}]).get("title") == "Boot")
    it.check(schemas.putDataType(alt, {"type": "object", "title": "Sock", "properties": {"size": {"type": "integer"}}})
             .get("title") == "Sock")
    it.check(schemas.deleteDataType(kind["$id"]) == 204)
    it.check(isinstance(schemas.getUnions(), list), schemas.getUnions())
    it.check(schemas.getUnion("https://ns.adobe.com/xdm/context/profile__union").get("status") is None,
             schemas.getUnion("https://ns.adobe.com/xdm/context/profile__union"))
    it.check(made["$id"] in json.dumps(schemas.getXDMprofileSchema()), schemas.getXDMprofileSchema())
    it.check(isinstance(schemas.getBehaviors(), list))
    it.check(schemas.getBehavior("https://ns.adobe.com/xdm/data/record").get("$id"), schemas.getBehavior("https://ns.adobe.com/xdm/data/record"))

    descriptor = schemas.createDescriptor(schemas.createDescriptorOperation(
        sourceSchema=made["$id"], descType="xdm:descriptorIdentity", completePath="person.name.lastName",
        identityNSCode="CRMID", identityPrimary=False))
    it.check("@id" in descriptor, descriptor)
    ident = descriptor["@id"]
    it.check(schemas.getDescriptor(ident).get("@id") == ident)
    it.check(ident in json.dumps(schemas.getDescriptors()))
    it.check(ident in json.dumps(schemas.getDescriptors(type_desc="xdm:descriptorIdentity", id_desc=True)))
    it.check(schemas.getDescriptors(link_desc=True) is not None)
    changed = schemas.putDescriptor(ident, {**{k: v for k, v in descriptor.items() if k.startswith("xdm:") or k == "@type"},
                                            "xdm:namespace": "Other"})
    it.check(changed.get("@id") == ident, changed)
    it.refused(schemas.deleteSchema(made["$id"]), 409)
    it.check(schemas.deleteDescriptor(ident) == 204)

    exported = schemas.exportResource(made["$id"])
    it.check(isinstance(exported, list) and any(r.get("title") == "Registry 2" for r in exported), exported)
    log = schemas.getAuditLogs(made["$id"])
    it.check(isinstance(log, list) and log, log)
    for one in (made, other, event):
        it.check(schemas.deleteSchema(one["$id"]) == 204, schemas.getSchema(one["$id"]))
    it.refused(schemas.getSchema(made["$id"]), 404, "XDM-1012")


def managers(it):
    """aepp's own models of schemas, field groups and data types read what the registry answers."""
    schemas = it.schemas
    made = schemas.createProfileSchema(name="Managed", fieldGroupIds=[PERSON])
    managed = schemas.SchemaManager(made["$id"])
    frame = managed.to_dataframe()
    it.check("person.name.firstName" in list(frame["path"]), list(frame["path"]))
    group = schemas.FieldGroupManager(PERSON)
    it.check("person.name.lastName" in list(group.to_dataframe()["path"]))
    kind = schemas.createDataType({"type": "object", "title": "Shoe", "properties": {"size": {"type": "integer"}}})
    it.check("size" in list(schemas.DataTypeManager(kind["$id"]).to_dataframe()["path"]))


def datasets_(it):
    store = it.catalog
    made, dataset, _, _ = it.people()
    shown = store.getDataSet(dataset)
    it.check(list(shown) == [dataset] and shown[dataset]["schemaRef"]["id"] == made["$id"], shown)
    it.refused(store.getDataSet("0" * 24), 404)
    everything = store.getDataSets()
    it.check(dataset in everything and all(v["tags"]["adobe/pqs/table"] for v in everything.values()), everything)
    it.check(store.getDataSets(output="df") is not None and store.getDataSets(output="list"))
    it.check(dataset in list(store.getDatasetsInfos()["id"]))
    store.createDataSet({"name": "by body", "schemaRef": {"id": made["$id"], "contentType": XED}}, requestDataSource=True)
    it.refused(store.createDataSet(name="x", schemaId="https://ns.adobe.com/none/schemas/1"), 400)
    for call in (store.enableDatasetProfile, store.enableDatasetUpsert, store.enableDatasetIdentity,
                 store.disableDatasetProfile, store.disableDatasetIdentity, store.disableDatasetValidationContext):
        it.check(call(dataset) == [f"@/dataSets/{dataset}"], call.__name__, call(dataset))
    tags = store.getDataSet(dataset)[dataset]["tags"]
    it.check(tags["unifiedProfile"] == ["enabled:false"] and tags["unifiedIdentity"] == ["enabled:false"], tags)
    it.check(store.patchDataset(dataset, {"name": "merged"}) == [f"@/dataSets/{dataset}"])
    it.check(store.patchDatasetV2(dataset, {"description": "v2"}) == [f"@/dataSets/{dataset}"], "PATCH /v2/dataSets")
    value = store.getDataSet(dataset)[dataset]
    it.check(value["name"] == "merged" and value.get("description") == "v2", value)
    it.check(store.putDataset(dataset, {"name": "put", "schemaRef": value["schemaRef"], "tags": {}}) == [f"@/dataSets/{dataset}"],
             store.putDataset(dataset, {"name": "put", "schemaRef": value["schemaRef"], "tags": {}}))
    it.check(isinstance(store.getDataSetObservableSchema(dataset), dict))
    views = store.getDataSetViews(dataset)
    it.check(views and "status" not in views, views)
    view = next(iter(views))
    it.check(view in store.getDataSetView(dataset, view), store.getDataSetView(dataset, view))
    it.check("status" not in store.getDataSetViewFiles(dataset, view), store.getDataSetViewFiles(dataset, view))
    it.check("dataSets" in json.dumps(store.getResources()), store.getResources())
    batch = store.createBatch({"datasetId": dataset, "inputFormat": {"format": "json"}})
    it.check(batch.get("status") in (404, 405) or "id" in batch, batch)
    it.check(store.deleteDataSet(dataset) == 200)
    it.refused(store.getDataSet(dataset), 404)


def preparation(it):
    prep = it.prep
    made, _, mapping, rules = it.people()
    shown = prep.getMappingSet(mapping)
    it.check(shown["outputSchema"]["schemaRef"]["id"] == made["$id"] and len(shown["mappings"]) == 3, shown)
    it.check(prep.getMappingSet(mapping, mappingRulesOnly=True)[0]["sourceType"] == "ATTRIBUTE")
    it.check(mapping in [s["id"] for s in prep.getMappingSets()], prep.getMappingSets())
    it.check(mapping in [s["id"] for s in prep.getMappingSets(expand_schema=True)])
    updated = prep.updateMappingSet(mapping, rules[:2])
    it.check(updated.get("version") == 1, updated)
    it.check(len(prep.getMappingSet(mapping)["mappings"]) == 2)
    inside = prep.getMappingSetMappings(mapping)
    inside = inside if isinstance(inside, list) else inside.get("data", inside.get("mappings"))
    it.check(len(inside) == 2 and inside[0]["id"], inside)
    one = prep.getMappingSetMapping(mapping, inside[0]["id"])
    it.check(one.get("destination") == inside[0]["destination"], one)
    legacy = prep.createMappingSet(mappingSet={"version": 0, "xdmSchema": made["$id"], "xdmVersion": "1.0", "id": None,
                                               "mappings": [{"destinationXdmPath": "_id", "sourceAttribute": "id", "version": 0}]})
    it.check("id" in legacy, legacy)
    it.refused(prep.createMappingSet(schemaId="https://ns.adobe.com/none/schemas/1", mappingList=rules, validate=True), 400)
    bad = prep.createMappingSet(schemaId=made["$id"], mappingList=[
        {"sourceType": "EXPRESSION", "source": "concat(", "destination": "_id"}], validate=True)
    it.refused(bad, 400)
    expression = {"sourceType": "EXPRESSION", "source": "upper(first)", "destination": "person.name.firstName"}
    previewed = prep.previewDataOutput(
        data={"id": "7", "first": "ada"},
        mappingSet={"outputSchema": {"schemaRef": {"id": made["$id"], "contentType": XED}}, "mappings": [expression]})
    it.check("ADA" in json.dumps(previewed), previewed)
    functions = prep.getMappingSetFunctions()
    it.check({"concat", "upper"} <= {f["function"].split("(")[0] for f in functions}, functions[:2])
    it.check(any(o["operatorSymbol"] == "+" for o in prep.getMappingSetOperators()))
    it.check(prep.validateExpression("upper(first)") is True, prep.validateExpression("upper(first)"))
    it.check(prep.validateExpression("upper(") is False, prep.validateExpression("upper("))
    it.check(prep.validateExpression("upper(first)", mappingSetId=mapping, sampleData='{"first":"a"}', sampleDataType="json") is True)
    it.check(prep.deleteMappingSet(mapping) == 204)
    it.check(prep.getMappingSet(mapping).get("status") == 404, prep.getMappingSet(mapping))


def boxes(it):
    admin = sandboxes.Sandboxes()
    name = it.given["credentials"]["sandbox"]
    it.check(name in [s["name"] for s in admin.getSandboxes()], admin.getSandboxes())
    it.check(admin.getSandboxTypes() == ["development", "production"], admin.getSandboxTypes())
    it.check(admin.getSandbox(name)["isDefault"] is True and admin.getSandboxId(name))
    it.check(admin.getSandbox("nowhere").get("status") == 404, admin.getSandbox("nowhere"))
    made = admin.createSandbox("aepp-box", "By aepp")
    it.check(made.get("name") == "aepp-box" and made.get("state") in ("creating", "active"), made)
    it.refused(admin.createSandbox("aepp-box", "By aepp"), 409)

    def wait(state):
        ends = time.time() + 60
        while time.time() < ends:
            found = admin.getSandbox("aepp-box")
            if found.get("state") == state or state == "gone" and found.get("status") == 404:
                return
            time.sleep(0.1)
        it.check(False, f"the sandbox never became {state}", found)

    wait("active")
    it.check(admin.updateSandbox("aepp-box", {"title": "Renamed"}).get("title") == "Renamed")
    inside = flowservice.FlowService(sandbox="aepp-box")
    it.check(inside.getConnections() == [])
    kept = it.pair(inside.createConnection(name="in the box", auth={"specName": "Access Key", "params": it.bucket()},
                                           connectionSpec={"id": S3}))
    it.check(it.flows.getConnection(kept) == {}, "another sandbox's connection is seen")
    it.check(admin.resetSandbox("aepp-box").get("state") in ("resetting", "active"))
    wait("active")
    it.check(inside.getConnections() == [], "a reset keeps nothing")
    it.check(admin.deleteSandbox("aepp-box") in (200, 202), "deleting a sandbox")
    wait("gone") if admin.getSandbox("aepp-box").get("state") != "deleted" else None
    it.refused(inside.getResource(inside.endpoint + "/connections"), 404, "FLOW-2100")
    it.refused(admin.deleteSandbox(name), 400)


def rights(it):
    control = accesscontrol.AccessControl()
    reference = control.getPermissions()
    it.check("status" not in reference and reference, reference)
    asked = ["/permissions/manage-datasets", "/resource-types/dataset"]
    it.check("policies" in control.getEffectivePolicies(asked), control.getEffectivePolicies(asked))
    roles = control.getRoles()
    it.check(roles, roles)
    made = control.connector.postData(control.endpoint + "/administration/roles", data={
        "name": "aepp role", "description": "d", "roleType": "user-defined"})
    it.check("id" in made, made)
    ident = made["id"]
    it.check(control.getRole(ident).get("name") == "aepp role", control.getRole(ident))
    it.check("status" not in control.patchRole(ident, [{"op": "replace", "path": "/description", "value": "e"}]))
    it.check("status" not in control.putRole(ident, {"name": "aepp role 2", "description": "f", "roleType": "user-defined"}))
    it.check(isinstance(control.getSubjects(ident), list))
    it.check(control.patchSubjects(ident, "somebody@AdobeID", "add") is not None)
    it.check(control.deleteRole(ident) in (200, 204))
    it.refused(control.getRole(ident), 404)
    policy = control.createPolicy({"name": "aepp policy", "status": "inactive",
                                   "rules": [{"effect": "Deny", "condition": "", "actions": ["com.adobe.action.write"],
                                             "resource": f"/orgs/{it.given['credentials']['imsOrgId']}/sandboxes/nowhere/sources/*"}]})
    it.check("id" in policy, policy)
    it.check(any(p["id"] == policy["id"] for p in control.getPolicies()))
    it.check(control.getPolicy(policy["id"]).get("name") == "aepp policy")
    it.check("error" not in control.putPolicy(policy["id"], {**policy, "name": "aepp policy 2"}))
    control.patchPolicy(policy["id"], "replace", "/description", "d")
    it.check(control.deletePolicy(policy["id"]) in (200, 204))
    it.check(isinstance(control.getProducts(), list))


def uploads(it):
    inlet = ingestion.DataIngestion()
    made, dataset, _, _ = it.people()
    people = [{"_id": str(i), "person": {"name": {"firstName": f"N{i}"}}} for i in range(5)]
    rows = "\n".join(json.dumps({**one, "_id": "1" + one["_id"]}) for one in people)
    # aepp writes what it is given as JSON: a list is an array of records, which are several lines in one document.
    batch = inlet.createBatch(datasetId=dataset, format="json", multiline=True, enableDiagnostic=True,
                              partialIngestionPercentage=10)
    it.check("id" in batch and batch.get("status") == "loading", batch)
    ident = batch["id"]
    it.check(inlet.uploadSmallFile(ident, dataset, "people", data=people) == {}, "uploading")
    it.check(inlet.headFileStatus(ident, dataset, "people") is not None)
    inlet.uploadSmallFileFinish(ident)
    ends = time.time() + 60
    while time.time() < ends and it.catalog.getBatch(ident)[ident]["status"] not in ("success", "failed"):
        time.sleep(0.1)
    value = it.catalog.getBatch(ident)[ident]
    it.check(value["status"] == "success" and value["metrics"]["outputRecordCount"] == 5, value)
    it.check(len(dataaccess.DataAccess().getPreview(dataset)) == 5)
    big = inlet.createBatch(datasetId=dataset, format="json")["id"]
    size = len(rows.encode())
    inlet.uploadLargeFileStartEnd(big, dataset, "large", action="INITIALIZE")
    try:
        inlet.uploadLargeFilePart(big, dataset, "large", data=rows.encode(), contentRange=f"bytes 0-{size - 1}/{size}")
    except ValueError:
        pass  # aepp reads the empty answer as JSON.
    inlet.uploadLargeFileStartEnd(big, dataset, "large", action="COMPLETE")
    inlet.uploadSmallFileFinish(big)
    ends = time.time() + 60
    while time.time() < ends and it.catalog.getBatch(big)[big]["status"] not in ("success", "failed"):
        time.sleep(0.1)
    it.check(it.catalog.getBatch(big)[big]["status"] == "success", it.catalog.getBatch(big))
    inlet.deleteBatch(ident)
    ends = time.time() + 60
    while time.time() < ends and len(dataaccess.DataAccess().getPreview(dataset)) != 5:
        time.sleep(0.1)
    it.check(len(dataaccess.DataAccess().getPreview(dataset)) == 5, "five of ten rows are left after a revert")


def labels(it):
    rules = datasets.DataSets()
    _, dataset, _, _ = it.people()
    it.check(rules.getLabelSchemaTests(dataset).get("code") == "PES-404", rules.getLabelSchemaTests(dataset))
    made = rules.createLabels(dataset, {"labels": ["core/C2"]})
    it.check("PES-" not in json.dumps(made), made)
    it.check("C2" in json.dumps(rules.getLabelSchemaTests(dataset)))
    answered = rules.connector.getData(f"{rules.endpoint}/datasets/{dataset}/labels", format="raw")
    etag = answered.headers.get("etag")
    it.check(etag, dict(answered.headers))
    it.check("C2" in json.dumps(rules.getLabelSchemaTests(dataset)))
    changed = rules.updateLabels(dataset, {"labels": ["core/C2", "core/I1"]}, ifMatch=etag or "*")
    it.check("I1" in json.dumps(rules.getLabelSchemaTests(dataset)), changed)
    rules.headLabels(dataset)
    etag = rules.connector.getData(f"{rules.endpoint}/datasets/{dataset}/labels", format="raw").headers.get("etag")
    it.check(rules.deleteLabels(dataset, ifMatch=etag or "*") in (200, 204))
    it.check(rules.getLabelSchemaTests(dataset).get("code") == "PES-404")


def metrics(it):
    report = observability.Observability().createMetricsReport({
        "start": "2024-01-01T00:00:00.000Z", "end": "2036-01-01T00:00:00.000Z", "granularity": "month",
        "metrics": [{"name": "timeseries.ingestion.dataset.recordsuccess.count", "filters": [], "aggregator": "sum"}]})
    it.check(isinstance(report.get("metricResponses"), list) and report["metricResponses"], report)


SCENES = {"connections": connections, "s3": s3, "flows": flows, "hubspot": hubspot, "registry": registry, "managers": managers,
          "datasets": datasets_, "preparation": preparation, "boxes": boxes, "rights": rights, "uploads": uploads,
          "labels": labels, "metrics": metrics}


def methods():
    """The public methods that are neither called here nor named in `NOT_OURS`, and the names there that are wrong."""
    tree = ast.parse(Path(__file__).read_text())
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    excused = {name for names in NOT_OURS.values() for name in names.split()}
    public = {name for one in CLASSES for name, _ in inspect.getmembers(one, inspect.isfunction) if not name.startswith("_")}
    faults = [f"{name} is not called" for name in sorted(public - called - excused)]
    faults += [f"{name} is named for nothing" for name in sorted(excused - public)]
    faults += [f"{name} is called although it is not ours" for name in sorted(excused & called - {"updateSandbox", "createDescriptorOperation"})]
    return faults


def main(part):
    warnings.simplefilter("ignore")
    if part == "methods":
        faults = methods()
    else:
        it = Scene(json.load(sys.stdin))
        it.at = part
        try:
            with redirect_stdout(io.StringIO()):
                SCENES[part](it)
        except Broken as broken:
            it.faults.append(f"cannot go on: {str(broken)[:600]}")
        except Exception as error:
            line = next((f.lineno for f in reversed(inspect.trace()) if f.filename == __file__), 0)
            it.faults.append(f"line {line}: aepp broke: {type(error).__name__} {error}")
        faults = it.faults
    print("\n".join(faults))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main(sys.argv[1])
