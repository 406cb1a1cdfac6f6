/**
 * The OpenAPI document is one, and what it says is so: every operation of it is asked for, as described and otherwise, with a fixed seed.
 * BATON_OPENAPI_REQUESTS and BATON_OPENAPI_SEED ask for more, and for others.
 */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OpenApiDocument } from '../../transport/http/openapi.ts'
import { operationsOf, requestOf } from '../fuzz/openapi/requests.ts'
import { createWorld } from '../fuzz/openapi/world.ts'
import { createRandom } from '../sim/random.ts'
import { createFace } from '../support/http.ts'

const REQUESTS = Number(process.env.BATON_OPENAPI_REQUESTS ?? 10_000)
const SEED = Number(process.env.BATON_OPENAPI_SEED ?? 1)
/** Requests after which what was deleted is made again; and after which the world is another, or it would grow. */
const PER_FILL = 450
const PER_WORLD = 3000
const SLOW_MS = 1000

interface Described {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly parameters: readonly { readonly name?: string; readonly in?: string; readonly schema?: object; readonly $ref?: string }[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: object } } }
}

interface Whole {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly tags: readonly { readonly name: string }[]
  readonly components: Readonly<Record<string, Readonly<Record<string, object>>>>
}

const read = (document: OpenApiDocument): Whole => JSON.parse(JSON.stringify(document))

test('it is a document of OpenAPI 3.1: names, references and parameters fit together, and every schema is JSON Schema', async () => {
  const { ask } = createFace()
  const served = await ask('GET', '/openapi.json')
  assert.is(served.status, 200)
  const { openapi, paths, tags, components } = read(served.body)
  assert.match(openapi, /^3\.1\.\d+$/)
  const ajv = new Ajv2020({ strict: true, strictTypes: false, allowUnionTypes: true, keywords: ['x-since', 'x-until', 'example'] })
  const ids = new Set<string>()
  for (const [path, operations] of Object.entries(paths)) {
    assert.ok(path.startsWith('/'), path)
    for (const [method, operation] of Object.entries(operations)) {
      const what = `${method} ${path}`
      assert.not.ok(ids.has(operation.operationId), `${what}: ${operation.operationId} is there twice`)
      ids.add(operation.operationId)
      assert.ok(
        operation.tags.every(tag => tags.some(({ name }) => name === tag)),
        what,
      )
      const named = operation.parameters.filter(parameter => parameter.in === 'path').map(({ name }) => `{${name}}`)
      assert.equal(named, path.match(/\{[^}]+\}/g) ?? [], what)
      for (const { $ref } of operation.parameters.filter(parameter => parameter.$ref !== undefined)) {
        const [, , kind = '', name = ''] = ($ref ?? '').split('/')
        assert.ok(components[kind]?.[name], `${what}: ${$ref} is there`)
      }
      const schemas = operation.parameters.flatMap(({ schema }) => (schema ? [schema] : []))
      const body = operation.requestBody?.content['application/json'].schema
      for (const schema of body ? [...schemas, body] : schemas) assert.not.throws(() => ajv.compile(schema), `${what}: ${JSON.stringify(schema)}`)
    }
  }
  assert.ok(ids.size > 150, `${ids.size} operations`)
})

test('a defect behind a path is found', async () => {
  const world = await createWorld()
  const operation = operationsOf(world.document).find(({ method, path }) => `${method} ${path}` === 'GET /compute/v2.1/flavors')
  assert.ok(operation)
  const request = requestOf(operation, world.things(), createRandom(1), true)
  assert.is((await world.ask(request)).wrong, null)
  world.fake.fail('listFlavors', new TypeError('planted'))
  assert.match((await world.ask(request)).wrong ?? '', /^answered 500.*planted/)
  await world.close()
})

test('every operation, as described and otherwise: nothing answers 5xx, every refusal has its body', async () => {
  const random = createRandom(SEED)
  let world = await createWorld()
  const operations = operationsOf(world.document)
  const found = new Map<string, string>()
  const statuses = new Map<number, number>()
  let slow = 0
  for (let i = 0; i < REQUESTS; i++) {
    const operation = operations[i % operations.length]
    if (!operation) throw new Error('the document has no operations')
    if (i > 0 && i % PER_WORLD === 0) {
      await world.close()
      world = await createWorld()
    } else if (i % PER_FILL === 0) await world.fill()
    // Every operation as it is described first; then one in four.
    const request = requestOf(operation, world.things(), random, i < operations.length || random.chance(0.25))
    const { status, wrong, tookMs } = await world.ask(request)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (tookMs > SLOW_MS) slow++
    const short = { ...request, url: request.url.slice(0, 300), body: request.body?.slice(0, 600) ?? null }
    if (wrong !== null && !found.has(operation.path)) found.set(operation.path, `request ${i}: ${wrong}\n  ${JSON.stringify(short)}`)
  }
  await world.close()
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status}`)
  console.log(`${REQUESTS} requests of ${operations.length} operations, seed ${SEED}: ${counts.join(', ')}; ${slow} took over ${SLOW_MS} ms`)
  assert.is([...found.values()].join('\n'), '')
})

test.run()
