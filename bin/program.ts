/** Turns the table of commands into a commander program. Nothing runs here but parsing. */
import { Command, CommanderError, Option } from 'commander'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Call, Options } from './call.ts'
import type { CommandSpec } from './command-spec.ts'
import { COMMANDS, GROUPS } from './commands.ts'
import { EXIT } from './exit.ts'

/** A usage error or a request for help: commander has printed it already; only the exit code is left. */
export class Parsed extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super('parsed')
    this.exitCode = exitCode
  }
}

export interface Chosen {
  readonly spec: CommandSpec
  readonly call: Call
}

/** Finds the command of a command line. Prints help or a usage error itself and then throws `Parsed`. */
export async function choose(argv: readonly string[], version: string): Promise<Chosen> {
  let chosen: Chosen | null = null
  const program = build(version, (spec, call) => {
    chosen = { spec, call }
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) throw new Parsed(error.exitCode === 0 ? EXIT.ok.code : EXIT.usage.code)
    throw error
  }
  if (chosen === null) throw new BatonError('Internal', 'commander chose no command')
  return chosen
}

function build(version: string, onChosen: (spec: CommandSpec, call: Call) => void): Command {
  const root = prepare(new Command('baton'))
    .description('Baton: a compute control plane built as an actor system')
    .version(version, '--version')
    .addHelpText(
      'after',
      `\nExit codes: ${Object.values(EXIT)
        .map(e => `${e.code} ${e.meaning}`)
        .join(' ')}`,
    )
  const groups = new Map<string, Command>()
  for (const spec of COMMANDS) {
    const [first = '', verb] = spec.path.split(' ')
    let parent = root
    if (verb !== undefined) {
      parent = groups.get(first) ?? prepare(root.command(first)).description(GROUPS[first] ?? '')
      groups.set(first, parent)
    }
    const command = prepare(parent.command(`${verb ?? first}${spec.args === undefined ? '' : ` ${spec.args}`}`)).description(spec.about)
    for (const { flags, about } of spec.options) command.addOption(new Option(flags, about))
    command.action(() => onChosen(spec, { args: command.processedArgs.flat().filter(isText), options: optionsOf(command) }))
  }
  return root
}

/** Exits are thrown, never done by commander: output that is on its way must be written first. */
const prepare = (command: Command): Command => command.exitOverride().showHelpAfterError('(add --help for what is possible)')

const isText = (value: unknown): value is string => typeof value === 'string'

function optionsOf(command: Command): Options {
  const options: Record<string, string | boolean> = {}
  for (const [name, value] of Object.entries<unknown>(command.opts())) if (isText(value) || typeof value === 'boolean') options[name] = value
  return options
}
