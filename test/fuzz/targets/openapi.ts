/**
 * Requests by the OpenAPI document, of every operation: such as it describes and such as it does not. An input names the operation and what
 * the rest is drawn from; `npm test` does the same in order (`test/unit/http-openapi.test.ts`).
 */
import type { Json } from '../../../actors/kernel/define.ts'
import { openApiText } from '../../../bin/openapi-document.ts'
import { createRandom } from '../../sim/random.ts'
import { operationsOf, requestOf } from '../openapi/requests.ts'
import { createWorld, type World } from '../openapi/world.ts'
import { Finding, field, type Target } from '../target.ts'

/** Requests after which what was deleted is made again; and after which the world is another, or it would grow. */
const PER_FILL = 450
const PER_WORLD = 3000

export function openApiTarget(): Target {
  const operations = operationsOf(JSON.parse(openApiText()))
  let world: World | null = null
  let requests = 0

  async function ready(): Promise<World> {
    if (world && requests % PER_WORLD === 0) {
      await world.close()
      world = null
    }
    if (!world) world = await createWorld()
    else if (requests % PER_FILL === 0) await world.fill()
    requests++
    return world
  }

  return {
    name: 'openapi',
    seeds: operations.map((_, operation) => ({ operation, seed: 1, valid: true })),
    mutate: (_, random): Json => ({ operation: random.int(0, operations.length - 1), seed: random.int(0, 2 ** 31), valid: random.chance(0.2) }),
    async run(input) {
      const operation = operations[Number(field(input, 'operation'))]
      if (!operation) return
      const here = await ready()
      const request = requestOf(operation, here.things(), createRandom(Number(field(input, 'seed'))), field(input, 'valid') === true)
      const { wrong } = await here.ask(request)
      if (wrong !== null) throw new Finding(`${request.operation} ${wrong}\n${JSON.stringify(request).slice(0, 2000)}`)
    },
    close: async () => void (await world?.close()),
  }
}
