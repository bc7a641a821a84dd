"""HubSpot's own Python client, unmodified, against an account: what it understood, as JSON on standard output.

    hubspot_client.py read URL < CREDENTIALS      every reading call that the account must answer
    hubspot_client.py trouble URL < CREDENTIALS   what it makes of refusals

Credentials are one JSON object: token, clientId, clientSecret, refreshToken. The test that starts this asserts.
"""

import json
import sys

from hubspot import HubSpot
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts import BatchReadInputSimplePublicObjectId, PublicObjectSearchRequest
from urllib3.util.retry import Retry


def ids(records):
    return [record.id for record in records]


def batch(client, asked, **options):
    body = BatchReadInputSimplePublicObjectId(
        inputs=[{"id": one} for one in asked], properties=["email"], properties_with_history=[])
    answer = client.crm.contacts.batch_api.read(body, **options)
    return {"model": type(answer).__name__, "ids": ids(answer.results), "errors": getattr(answer, "num_errors", None),
            "missing": [error.context for error in getattr(answer, "errors", None) or []]}


def read(url, who):
    client = HubSpot(access_token=who["token"], host=url)
    found = {}

    everyone = client.crm.contacts.get_all(properties=["email", "rating"], associations=["companies", "deals"])
    found["all"] = ids(everyone)
    found["emails"] = [one.properties["email"] for one in everyone]
    found["companies"] = {one.id: sorted({link.id for link in one.associations["companies"].results})
                          for one in everyone if one.associations and "companies" in one.associations}
    history = client.crm.contacts.get_all(properties_with_history=["email"])
    found["history"] = {one.id: [old.value for old in one.properties_with_history["email"]] for one in history}

    archived = client.crm.contacts.basic_api.get_page(limit=3, archived=True)
    found["archived"] = [[one.id, one.archived, one.archived_at is not None] for one in archived.results]
    one = client.crm.contacts.basic_api.get_by_id(everyone[0].id, properties=["email"])
    found["one"] = [one.id, one.created_at.tzinfo is not None]

    descending = {"propertyName": "hs_object_id", "direction": "DESCENDING"}
    for name, sorts in {"text": ["hs_object_id"], "object": [descending]}.items():
        request = PublicObjectSearchRequest(
            filter_groups=[{"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": "1000"}]}],
            sorts=sorts, properties=["email"], limit=7, after=7)
        answer = client.crm.contacts.search_api.do_search(request)
        found[f"search by {name}"] = {
            "total": answer.total, "ids": ids(answer.results), "after": answer.paging.next.after}

    good, gone = everyone[0].id, "7"
    found["batch"] = batch(client, [good])
    found["partly"] = batch(client, [good, gone])
    found["batch of archived"] = batch(client, [archived.results[0].id], archived=True)

    properties = client.crm.properties.core_api.get_all("contacts").results
    found["types"] = sorted({one.type for one in properties})
    found["properties"] = [one.name for one in properties]
    schemas = client.crm.schemas.core_api.get_all().results
    found["schemas"] = [[one.object_type_id, one.name, len(one.properties)] for one in schemas]
    owners = client.crm.owners.owners_api
    found["owners"] = {str(gone): ids(owners.get_page(limit=500, archived=gone).results) for gone in (False, True)}
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals").results
    found["pipelines"] = {
        one.id: [[stage.id, stage.metadata["probability"]] for stage in one.stages] for one in pipelines}

    linked = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": one.id} for one in everyone])
    links = client.crm.associations.v4.batch_api.get_page("contacts", "companies", linked).results
    found["links"] = {
        link._from.id: [[str(to.to_object_id), [t.type_id for t in to.association_types]] for to in link.to]
        for link in links}
    first = links[0]._from.id
    page = client.crm.associations.v4.basic_api.get_page("contacts", first, "companies")
    found["links of one"] = [str(to.to_object_id) for to in page.results]

    lists = client.crm.lists.lists_api.do_search({"query": "", "count": 5, "offset": 0})
    found["lists"] = [len(lists.lists), lists.has_more, lists.offset]
    found["custom"] = ids(client.crm.objects.basic_api.get_page("2-123").results)
    found["calls"] = ids(client.crm.objects.calls.basic_api.get_page().results)
    found["marketing emails"] = client.marketing.emails.marketing_emails_api.get_page().total
    found["forms"] = len(client.marketing.forms.forms_api.get_page().results)

    token = HubSpot(host=url).oauth.tokens_api.create(
        grant_type="refresh_token", refresh_token=who["refreshToken"], client_id=who["clientId"],
        client_secret=who["clientSecret"])
    found["token"] = [token.token_type, token.expires_in, token.refresh_token == who["refreshToken"]]
    details = HubSpot(host=url).oauth.access_tokens_api.get(token.access_token)
    found["token details"] = [details.hub_id, "oauth" in details.scopes]
    later = HubSpot(access_token=token.access_token, host=url)
    found["with it"] = len(later.crm.contacts.basic_api.get_page(limit=2).results)
    return found


def trouble(url, who):
    client = HubSpot(access_token=who["token"], host=url)
    found = {}

    def refused(name, call):
        try:
            call()
            found[name] = "not refused"
        except Exception as e:
            found[name] = [type(e).__name__, e.status, json.loads(e.body)]

    refused("401", lambda: client.crm.owners.owners_api.get_page())
    refused("403", lambda: client.crm.properties.core_api.get_all("contacts"))
    refused("429", lambda: client.crm.contacts.basic_api.get_page())
    refused("404", lambda: client.crm.contacts.basic_api.get_by_id("7"))
    refused("400", lambda: client.crm.contacts.basic_api.get_page(limit=101))
    refused("wrong token", lambda: HubSpot(access_token="x", host=url).crm.companies.basic_api.get_page())
    patient = HubSpot(access_token=who["token"], host=url,
                      retry=Retry(total=3, status_forcelist=(429, 500, 502, 504), allowed_methods=None))
    found["patient"] = len(patient.crm.deals.basic_api.get_page(limit=2).results)
    return found


if __name__ == "__main__":
    what = {"read": read, "trouble": trouble}[sys.argv[1]]
    print(json.dumps(what(sys.argv[2], json.load(sys.stdin))))
