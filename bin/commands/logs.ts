/** `baton logs` */

import { LOG_LEVELS } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Call, given, integer, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { isLogs, sayWhoIsSilent } from '../client/evidence.ts'
import { httpClient } from '../client/http.ts'
import { faultOf, openLive } from '../client/live.ts'
import { logLine } from '../output/log-line.ts'

export async function logs(call: Call): Promise<void> {
  const endpoint = endpointOf(call.options)
  const [node] = call.args
  const [request, instance, operation, level] = ['request', 'instance', 'operation', 'level'].map(name => text(call.options, name))
  if (level !== undefined && !LOG_LEVELS.some(known => known === level))
    throw new BatonError('BadRequest', `--level must be one of ${LOG_LEVELS.join(', ')}, not ${JSON.stringify(level)}`)
  const limit = integer(call.options, 'limit', 1)
  const where = Object.entries({ node, request, instance, operation, level }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  const query: Record<string, string> = Object.fromEntries(where)
  if (given(call.options, 'follow')) {
    await follow(call, endpoint, query)
    return
  }
  const { body } = await httpClient(endpoint).request('GET', '/baton/v1/logs', isLogs, {
    query: { ...query, ...(limit === undefined ? {} : { limit: String(limit) }) },
  })
  const asText = (): string => body.lines.map(line => `${logLine(line)}\n`).join('')
  process.stdout.write(given(call.options, 'json') ? `${JSON.stringify(body.lines, null, 2)}\n` : asText())
  sayWhoIsSilent(body.silent)
}

/** From the newest lines on, until Ctrl-C. */
async function follow(call: Call, endpoint: string, params: Readonly<Record<string, string>>): Promise<void> {
  const isJson = given(call.options, 'json')
  const live = openLive(endpoint, state => {
    if (state.state === 'waiting') process.stderr.write(`${state.why}; trying again\n`)
  })
  const refused = new Promise<never>((_, reject) => {
    live.client.follow('logs', params, {
      onItems(lines, missed) {
        if (missed !== 0)
          process.stderr.write(missed === null ? 'lines may be missing here: another gateway\n' : `${missed} lines are missing here\n`)
        for (const line of lines) process.stdout.write(`${isJson ? JSON.stringify(line) : logLine(line)}\n`)
      },
      onError: fault => reject(faultOf(fault)),
    })
  })
  try {
    await Promise.race([new Promise<void>(resolve => process.once('SIGINT', resolve)), refused, live.failed])
  } finally {
    live.close()
  }
}
