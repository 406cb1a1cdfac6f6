/** `baton events` */
import { setTimeout as delay } from 'node:timers/promises'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { EventItem } from '../../transport/console-client/topics.ts'
import { type Call, given, integer, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { faultOf, openLive } from '../client/live.ts'
import { printable, timeText } from '../output/table.ts'

const DEFAULT_SECONDS = 10

/** `2026-01-31 12:00:05  instance/b19…  created  building scheduling` */
export const eventLine = ({ at, kind, id, types, state }: EventItem): string =>
  printable(`${timeText(at)}  ${kind}/${id}  ${types.join(' ')}${state === '' ? '' : `  ${state}`}`)

export async function events(call: Call): Promise<void> {
  const endpoint = endpointOf(call.options)
  const isJson = given(call.options, 'json')
  const seconds = integer(call.options, 'seconds', 1)
  if (seconds !== undefined && given(call.options, 'follow')) throw new BatonError('BadRequest', '--follow and --seconds exclude each other')
  const subject = text(call.options, 'subject')
  const kind = text(call.options, 'kind')
  const live = openLive(endpoint, state => {
    if (state.state === 'waiting') process.stderr.write(`${state.why}; trying again\n`)
    if (state.state === 'live' && state.silent.length > 0) process.stderr.write(`the gateway does not hear ${state.silent.join(', ')}\n`)
  })
  const refused = new Promise<never>((_, reject) => {
    live.client.follow(
      'events',
      { ...(subject === undefined ? {} : { subject }), ...(kind === undefined ? {} : { kind }) },
      {
        onItems(items, missed) {
          if (missed !== 0)
            process.stderr.write(missed === null ? 'events may be missing here: another gateway\n' : `${missed} events are missing here\n`)
          for (const item of items) process.stdout.write(`${isJson ? JSON.stringify(item) : eventLine(item)}\n`)
        },
        onError: fault => reject(faultOf(fault)),
      },
    )
  })
  // As with any command that follows, Ctrl-C ends it.
  const over = given(call.options, 'follow')
    ? new Promise<void>(resolve => process.once('SIGINT', resolve))
    : delay((seconds ?? DEFAULT_SECONDS) * 1000)
  try {
    await Promise.race([over, refused, live.failed])
  } finally {
    live.close()
  }
}
