/** `baton top`: the cluster live on a terminal, or once as text. */
import { BatonError } from '../../actors/kernel/errors.ts'
import type { ConnectionState } from '../../transport/console-client/client.ts'
import type { RowTopics } from '../../transport/console-client/topics.ts'
import { type Call, given, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { faultOf, type Live, openLive } from '../client/live.ts'
import { draw, firstPicture, linesOf, plainText, press } from '../top/screen.ts'
import { type Data, VIEW_NAMES, type ViewName } from '../top/views.ts'

const REDRAW_MS = 250
const ALTERNATE_ON = '\u001b[?1049h\u001b[?25l'
const ALTERNATE_OFF = '\u001b[?25h\u001b[?1049l'

const isView = (name: string): name is ViewName => VIEW_NAMES.some(view => view === name)

const noteOf = (state: ConnectionState): string => {
  if (state.state === 'live') return state.silent.length > 0 ? `NOT HEARD: ${state.silent.join(', ')}` : 'live'
  return state.state === 'connecting' ? 'connecting' : `${state.state}: ${state.why}`
}

export async function top(call: Call): Promise<void> {
  const view = text(call.options, 'view')
  if (view !== undefined && view !== 'overview' && !isView(view))
    throw new BatonError('BadRequest', `--view: there is no view ${JSON.stringify(view)}; there are overview, ${VIEW_NAMES.join(', ')}`)
  const chosen = view !== undefined && isView(view) ? view : null
  let note = ''
  const live = openLive(endpointOf(call.options), state => {
    note = noteOf(state)
  })
  const watched = watchAll(live)
  try {
    if (given(call.options, 'json') || !process.stdout.isTTY || !process.stdin.isTTY) {
      await Promise.race([watched.complete, live.failed])
      process.stdout.write(given(call.options, 'json') ? json(watched.data, chosen) : `${plainText(watched.data, chosen ? [chosen] : VIEW_NAMES)}\n`)
    } else await Promise.race([interactive(watched.data, () => note, chosen ?? 'nodes'), watched.refused, live.failed])
  } finally {
    live.close()
  }
}

interface Watched {
  readonly data: Data
  /** Resolves when every topic has come; rejects when one is refused. */
  readonly complete: Promise<void>
  readonly refused: Promise<never>
}

function watchAll({ client }: Live): Watched {
  let refuse: (error: BatonError) => void = () => {}
  const refused = new Promise<never>((_, reject) => {
    refuse = reject
  })
  refused.catch(() => {})
  const parts: Promise<void>[] = []
  function rowsOf<T extends keyof RowTopics>(topic: T): Map<string, RowTopics[T]> {
    const mine = new Map<string, RowTopics[T]>()
    parts.push(
      new Promise(resolve => {
        client.watch(topic, topic === 'operations' ? { limit: 500 } : {}, {
          onChange({ set, gone }) {
            for (const row of set) mine.set(row.id, row)
            for (const id of gone) mine.delete(id)
            resolve()
          },
          onError: fault => refuse(faultOf(fault)),
        })
      }),
    )
    return mine
  }
  const data: Data = {
    cluster: rowsOf('cluster'),
    nodes: rowsOf('nodes'),
    shards: rowsOf('shards'),
    queues: rowsOf('queues'),
    operations: rowsOf('operations'),
    hosts: rowsOf('hosts'),
    instances: rowsOf('instances'),
  }
  const complete = Promise.race([Promise.all(parts).then(() => {}), refused])
  complete.catch(() => {})
  return { data, complete, refused }
}

function json(data: Data, view: ViewName | null): string {
  const views = view ? [view] : VIEW_NAMES
  const rows = views.map(name => [name, [...data[name].values()]])
  return `${JSON.stringify({ cluster: data.cluster.get('cluster') ?? null, ...Object.fromEntries(rows) }, null, 2)}\n`
}

/** Draws until `q` or Ctrl-C. The terminal is left as it was found, whatever happens. */
async function interactive(data: Data, note: () => string, view: ViewName): Promise<void> {
  const { stdin, stdout } = process
  let picture = firstPicture(view)
  const show = (): void => {
    const size = { width: stdout.columns ?? 80, height: stdout.rows ?? 24 }
    const lines = draw(picture, data, note(), size)
    stdout.write(`\u001b[H${lines.map(line => `${line}\u001b[K`).join('\r\n')}\u001b[J`)
  }
  stdout.write(ALTERNATE_ON)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  const timer = setInterval(show, REDRAW_MS)
  try {
    await new Promise<void>(resolve => {
      const onKey = (key: string): void => {
        picture = press(picture, key, linesOf(picture, data))
        if (picture.over) resolve()
        else show()
      }
      stdin.on('data', onKey)
      stdout.on('resize', show)
      process.once('SIGTERM', resolve)
      show()
    })
  } finally {
    clearInterval(timer)
    stdin.setRawMode(false)
    stdin.pause()
    stdin.removeAllListeners('data')
    stdout.removeAllListeners('resize')
    stdout.write(ALTERNATE_OFF)
  }
}
