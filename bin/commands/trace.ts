/** `baton trace` */
import { argument, type Call, given } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { isTrace, sayWhoIsSilent } from '../client/evidence.ts'
import { shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { print } from '../output/table.ts'
import { traceTree } from '../output/trace-tree.ts'

export async function trace(call: Call): Promise<void> {
  const path = `/baton/v1/traces/${encodeURIComponent(argument(call, 0))}`
  const { body } = await httpClient(endpointOf(call.options)).request('GET', path, shape({ trace: isTrace }))
  const { traceId, spans, silent } = body.trace
  print(given(call.options, 'json'), body.trace, () => `trace ${traceId}, ${spans.length} spans\n${traceTree(spans)}`)
  sayWhoIsSilent(silent)
}
