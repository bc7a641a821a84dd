// HubSpot's own Node client, unmodified, against an account: what it understood, as JSON on standard output.
//
//     node client.mjs read URL < CREDENTIALS      every reading call that the account must answer
//     node client.mjs trouble URL < CREDENTIALS   what it makes of refusals
//
// The client is taken from the folder in FOREBAY_TEST_HUBSPOT_NODE. Credentials are one JSON object: token, clientId,
// clientSecret, refreshToken. The test that starts this asserts.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// Waits are a hundred times shorter, and kept: their length says what the client took an answer for.
const waits = []
const wait = globalThis.setTimeout
globalThis.setTimeout = (then, ms, ...rest) => {
  if (ms >= 200) waits.push(ms)
  return wait(then, ms >= 200 ? ms / 100 : ms, ...rest)
}

const { Client } = createRequire(join(process.env.FOREBAY_TEST_HUBSPOT_NODE, 'package.json'))('@hubspot/api-client')
const ids = (records) => records.map((record) => record.id)

async function read(url, who) {
  const client = new Client({ accessToken: who.token, basePath: url })
  const found = {}

  const linked = ['companies', 'deals']
  const everyone = await client.crm.contacts.getAll(100, undefined, ['email', 'rating'], undefined, linked)
  found.all = ids(everyone)
  found.emails = everyone.map((one) => one.properties.email)
  found.companies = Object.fromEntries(
    everyone
      .filter((one) => one.associations?.companies)
      .map((one) => [one.id, [...new Set(one.associations.companies.results.map((link) => link.id))].sort()]),
  )
  const history = await client.crm.contacts.basicApi.getPage(50, undefined, undefined, ['email'])
  found.history = Object.fromEntries(
    history.results.map((one) => [one.id, one.propertiesWithHistory.email.map((old) => old.value)]),
  )

  const archived = await client.crm.contacts.basicApi.getPage(3, undefined, undefined, undefined, undefined, true)
  found.archived = archived.results.map((one) => [one.id, one.archived, one.archivedAt instanceof Date])
  const one = await client.crm.contacts.basicApi.getById(everyone[0].id, ['email'])
  found.one = [one.id, one.createdAt instanceof Date]

  const sorts = { text: ['hs_object_id'], object: [{ propertyName: 'hs_object_id', direction: 'DESCENDING' }] }
  for (const [name, sort] of Object.entries(sorts)) {
    const answer = await client.crm.contacts.searchApi.doSearch({
      filterGroups: [{ filters: [{ propertyName: 'lastmodifieddate', operator: 'GTE', value: '1000' }] }],
      sorts: sort,
      properties: ['email'],
      limit: 7,
      after: '7',
    })
    found[`search by ${name}`] = { total: answer.total, ids: ids(answer.results), after: answer.paging.next.after }
  }

  const batch = async (asked, past) => {
    const inputs = asked.map((id) => ({ id }))
    const body = { inputs, properties: ['email'], propertiesWithHistory: [] }
    const answer = await client.crm.contacts.batchApi.read(body, past)
    return {
      ids: ids(answer.results),
      errors: answer.numErrors ?? null,
      missing: (answer.errors ?? []).map((error) => error.context),
    }
  }
  found.batch = await batch([everyone[0].id])
  found.partly = await batch([everyone[0].id, '7'])
  found['batch of archived'] = await batch([archived.results[0].id], true)

  const properties = (await client.crm.properties.coreApi.getAll('contacts')).results
  found.types = [...new Set(properties.map((one) => one.type))].sort()
  found.properties = properties.map((one) => one.name)
  const schemas = await client.crm.schemas.coreApi.getAll()
  found.schemas = schemas.results.map((one) => [one.objectTypeId, one.name, one.properties.length])
  found.owners = {}
  for (const past of [false, true]) {
    const page = await client.crm.owners.ownersApi.getPage(undefined, undefined, 500, past)
    found.owners[past ? 'True' : 'False'] = ids(page.results)
  }
  const pipelines = await client.crm.pipelines.pipelinesApi.getAll('deals')
  found.pipelines = Object.fromEntries(
    pipelines.results.map((one) => [one.id, one.stages.map((stage) => [stage.id, stage.metadata.probability])]),
  )

  const inputs = everyone.map((one) => ({ id: one.id }))
  const links = (await client.crm.associations.v4.batchApi.getPage('contacts', 'companies', { inputs })).results
  found.links = Object.fromEntries(
    links.map((link) => [
      link._from.id,
      link.to.map((to) => [String(to.toObjectId), to.associationTypes.map((type) => type.typeId)]),
    ]),
  )
  const page = await client.crm.associations.v4.basicApi.getPage('contacts', links[0]._from.id, 'companies')
  found['links of one'] = page.results.map((to) => String(to.toObjectId))

  const lists = await client.crm.lists.listsApi.doSearch({ query: '', count: 5, offset: 0 })
  found.lists = [lists.lists.length, lists.hasMore, lists.offset]
  found.custom = ids((await client.crm.objects.basicApi.getPage('2-123')).results)
  found.calls = ids((await client.crm.objects.calls.basicApi.getPage()).results)
  found['marketing emails'] = (await client.marketing.emails.marketingEmailsApi.getPage()).total
  found.forms = (await client.marketing.forms.formsApi.getPage()).results.length

  const token = await new Client({ basePath: url }).oauth.tokensApi.create(
    'refresh_token',
    undefined,
    undefined,
    who.clientId,
    who.clientSecret,
    who.refreshToken,
  )
  found.token = [token.tokenType, token.expiresIn, token.refreshToken === who.refreshToken]
  const details = await new Client({ basePath: url }).oauth.accessTokensApi.get(token.accessToken)
  found['token details'] = [details.hubId, details.scopes.includes('oauth')]
  const later = new Client({ accessToken: token.accessToken, basePath: url })
  found['with it'] = (await later.crm.contacts.basicApi.getPage(2)).results.length
  return found
}

async function trouble(url, who) {
  const client = new Client({ accessToken: who.token, basePath: url })
  const found = {}
  const refused = async (name, call) => {
    try {
      await call()
      found[name] = 'not refused'
    } catch (e) {
      const body = typeof e.body === 'string' ? JSON.parse(e.body) : e.body
      found[name] = [e.constructor.name, e.code, body]
    }
  }
  await refused('401', () => client.crm.owners.ownersApi.getPage())
  await refused('403', () => client.crm.properties.coreApi.getAll('contacts'))
  await refused('429', () => client.crm.contacts.basicApi.getPage())
  await refused('404', () => client.crm.contacts.basicApi.getById('7'))
  await refused('400', () => client.crm.contacts.basicApi.getPage(101))
  await refused('wrong token', () => new Client({ accessToken: 'x', basePath: url }).crm.companies.basicApi.getPage())
  waits.length = 0
  // It repeats only the 429s that it knows by their policy or message, and any 5xx.
  const patient = new Client({ accessToken: who.token, basePath: url, numberOfApiCallRetries: 3 })
  found.patient = (await patient.crm.deals.basicApi.getPage(2)).results.length
  found.waits = [...waits]
  return found
}

const [what, url] = process.argv.slice(2)
const who = JSON.parse(readFileSync(0, 'utf8'))
console.log(JSON.stringify(await { read, trouble }[what](url, who)))
