/** `baton console`: the serial line of an instance on this terminal, or the URL of a console. */
import { setTimeout as delay } from 'node:timers/promises'
import { BatonError } from '../../actors/kernel/errors.ts'
import { openRemote, type RemoteLine } from '../../transport/console-client/remote.ts'
import { argument, type Call, given, integer, text } from '../call.ts'
import { CONSOLE_TYPES, type ConsoleType, remoteConsole } from '../client/consoles.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { findInstance } from '../client/resolve.ts'
import { createEscapes, ESCAPE_HELP, type EscapeCommand } from '../output/escapes.ts'
import { print } from '../output/table.ts'

/** How long what a guest answers is waited for when the input has ended, s. */
const DEFAULT_SECONDS = 3

export async function attach(call: Call): Promise<void> {
  const isJson = given(call.options, 'json')
  const wantsUrl = isJson || given(call.options, 'url')
  const type = typeOf(text(call.options, 'type') ?? 'serial')
  if (type !== 'serial' && !wantsUrl) throw new BatonError('BadRequest', 'a terminal shows no screen: add --url, and open that in a browser')
  const client = httpClient(endpointOf(call.options))
  const { id, name } = await findInstance(client, argument(call, 0))
  const url = await remoteConsole(client, id, type)
  if (wantsUrl) print(isJson, { id, type, url }, () => url)
  else await onTerminal(url, name, integer(call.options, 'seconds', 0) ?? DEFAULT_SECONDS)
}

function typeOf(name: string): ConsoleType {
  const found = CONSOLE_TYPES.find(each => each === name)
  if (!found) throw new BatonError('BadRequest', `--type: there is no console ${JSON.stringify(name)}; there are ${CONSOLE_TYPES.join(' and ')}`)
  return found
}

/** On a line of its own, also where nothing ends a line but this. */
const say = (what: string): void => void process.stderr.write(`\r\n[${what}]\r\n`)

async function onTerminal(url: string, name: string, seconds: number): Promise<void> {
  let close: (why: string) => void = () => {}
  const closed = new Promise<string>(resolve => {
    close = resolve
  })
  const line = openRemote(url, {
    onBytes: bytes => void process.stdout.write(bytes),
    onNotice(notice) {
      if (notice.type === 'open') say(`the serial console of ${name}; ~. leaves, ~? helps`)
      if (notice.type === 'keyboard' && !notice.yours) say('somebody else has the keyboard: ~t takes it')
      if (notice.type === 'missed') say(`${notice.bytes} bytes came too fast and are not here`)
    },
    onClosed: close,
  })
  try {
    const why = await Promise.race([closed, typing(line, seconds)])
    if (why !== null) say(why)
  } finally {
    // The terminal is left as it was found, whatever happened.
    leaveTerminal()
    line.close()
  }
}

/** Sends what is typed; resolves to null when one leaves, or the input has ended. */
async function typing(line: RemoteLine, seconds: number): Promise<null> {
  const { stdin } = process
  const take = createEscapes()
  const act: Readonly<Record<Exclude<EscapeCommand, 'leave'>, () => void>> = { take: () => line.take(), help: () => say(ESCAPE_HELP) }
  if (stdin.isTTY) stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  await new Promise<void>((resolve, reject) => {
    stdin.on('data', (typed: string) => {
      // From a pipe come no keys, but what is meant for the guest.
      const { send, commands } = stdin.isTTY ? take(typed) : { send: typed, commands: [] }
      if (send !== '') line.type(send)
      for (const command of commands) {
        if (command === 'leave') resolve()
        else act[command]()
      }
    })
    // It is the connection that holds the process: when that has ended, nobody waits.
    stdin.once('end', () => delay(seconds * 1000, undefined, { ref: false }).then(resolve, reject))
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  return null
}

function leaveTerminal(): void {
  const { stdin } = process
  if (stdin.isTTY) stdin.setRawMode(false)
  stdin.removeAllListeners('data')
  stdin.pause()
}
