/** `baton instance create` */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { OperationBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, integer, required, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { listImages } from '../client/glance.ts'
import { type Client, httpClient } from '../client/http.ts'
import { createInstances, getInstance, type Instance, listFlavors, listInstances } from '../client/nova.ts'
import { BEGIN_MS, LOOK_MS, listOperations, notBegunYet } from '../client/operations.ts'
import { findNamed } from '../client/resolve.ts'
import { type Awaited, failUnlessDone, watchAll } from '../client/wait.ts'
import { instanceNames, printInstances } from './instance.ts'
import { placeOf } from './place.ts'

export async function create(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const name = argument(call, 0)
  const flavor = required(call.options, 'flavor')
  const count = integer(call.options, 'count', 1) ?? 1
  const [flavors, images] = await Promise.all([listFlavors(client), listImages(client)])
  const id = await createInstances(client, {
    name,
    flavor: findNamed('flavor', flavor, flavors).id,
    image: chooseImage(text(call.options, 'image'), images).id,
    count,
    project: text(call.options, 'project'),
    clientToken: text(call.options, 'clientToken') ?? randomUUID(),
    ...(await placeOf(client, call.options)),
    ha: text(call.options, 'ha'),
  })

  const { reservation } = await getInstance(client, id)
  const ended = given(call.options, 'wait') ? await watchAll(client, await buildsOf(client, reservation)) : []
  const instances = await listInstances(client, { reservation })
  printInstances(call.options, await instanceNames(client, instances))
  failUnlessDone(ended)
}

/** The image that was named, or the only one there is. */
function chooseImage<I extends { id: string; name: string }>(named: string | undefined, images: readonly I[]): I {
  const [only] = images
  if (named === undefined && only !== undefined && images.length === 1) return only
  if (named === undefined) throw new BatonError('BadRequest', `--image is needed: there are ${images.length} images, see \`baton image list\``)
  return findNamed('image', named, images)
}

/**
 * The builds of all instances of one request; none of those that ended so long ago that they are archived. The builds carry the id of
 * the request that began them: not of this one, if it repeated an earlier one by its client token. A build begins just after its
 * request was answered, so while an instance is being built, its build is looked for. Rejects `NotFound`.
 */
async function buildsOf(client: Client, reservation: string): Promise<Awaited[]> {
  const until = Date.now() + BEGIN_MS
  while (true) {
    const instances = await listInstances(client, { reservation })
    const builds = await buildsOfRequest(client, instances)
    const missing = instances.find(i => isBuilding(i) && !builds.some(build => build.subject === i.id))
    if (missing === undefined) {
      const names = new Map(instances.map(i => [i.id, i.name]))
      return builds
        .map(operation => ({ label: names.get(operation.subject) ?? operation.subject, operation }))
        .toSorted((a, b) => a.label.localeCompare(b.label, 'en', { numeric: true }))
    }
    if (Date.now() >= until) throw notBegunYet(missing.id, 'build')
    await delay(LOOK_MS)
  }
}

/** The builds that one request began. They begin together, so one that is not archived shows which request that was. */
async function buildsOfRequest(client: Client, instances: readonly Instance[]): Promise<OperationBody[]> {
  const known = instances.find(isBuilding) ?? instances[0]
  const first = known && (await listOperations(client, { subject: known.id })).find(isBuild)
  return first === undefined ? [] : (await listOperations(client, { requestId: first.requestId })).filter(isBuild)
}

const isBuilding = (instance: Instance): boolean => instance.status === 'BUILD'
const isBuild = (operation: OperationBody): boolean => operation.kind === 'build'
