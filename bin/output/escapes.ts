/** What is typed on a terminal that is connected to another: everything goes there, but `~` at the beginning of a line, as with ssh. Pure. */

export type EscapeCommand = 'leave' | 'take' | 'help'

export interface Typed {
  /** What goes to the other side. */
  readonly send: string
  /** What was asked of this side, in order. After `leave` nothing more is sent. */
  readonly commands: readonly EscapeCommand[]
}

const COMMANDS: Readonly<Record<string, EscapeCommand>> = { '.': 'leave', t: 'take', '?': 'help' }

export const ESCAPE_HELP = 'At the beginning of a line: ~. leaves, ~t takes the keyboard, ~? shows this, ~~ is a ~.'

export function createEscapes(): (typed: string) => Typed {
  let isAtStart = true
  let isEscape = false
  return typed => {
    let send = ''
    const commands: EscapeCommand[] = []
    for (const key of typed) {
      if (isEscape) {
        isEscape = false
        const command = COMMANDS[key]
        if (command) commands.push(command)
        if (command === 'leave') break
        if (command) continue
        // It was none: both keys were meant for the other side, but of two of them one.
        send += key === '~' ? '~' : `~${key}`
      } else if (key === '~' && isAtStart) {
        isEscape = true
        continue
      } else send += key
      isAtStart = key === '\r' || key === '\n'
    }
    return { send, commands }
  }
}
