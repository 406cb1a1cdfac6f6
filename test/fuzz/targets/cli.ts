/** Command lines: parsed in this process, never run. The answer is a command, or exit code 0 or 2 with some words. */
import type { Json } from '../../../actors/kernel/define.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { integer } from '../../../bin/call.ts'
import { COMMANDS } from '../../../bin/commands.ts'
import { EXIT } from '../../../bin/exit.ts'
import { faultText } from '../../../bin/output/report.ts'
import { choose, Parsed } from '../../../bin/program.ts'
import { seedsOf } from '../../../bin/seeds.ts'
import { settingsOf } from '../../../bin/settings.ts'
import { mutateText } from '../mutate.ts'
import { Finding, listOf, type Target, textOf } from '../target.ts'

const FLAGS = [...new Set(COMMANDS.flatMap(c => c.options.map(o => o.flags.split(' ')[0] ?? '')))]
const VALUES = ['1', 'x', 'a=b', '--', '-', '', '0', '-1', 'tcp://127.0.0.1:1', 'baton.yaml', '/', '--json', '-h', '--help', '--version']

export function cliTarget(): Target {
  return {
    name: 'cli',
    seeds: COMMANDS.map(c => [
      ...c.path.split(' '),
      ...(c.args ? ['i1'] : []),
      ...c.options.slice(0, 2).flatMap(o => o.flags.replace(/<.*>/, '3').split(' ')),
    ]),
    mutate(input, random): Json {
      const argv = listOf(input).map(textOf)
      const at = random.int(0, argv.length)
      const how = random.next()
      if (how < 0.25) return argv.toSpliced(at, 0, random.pick(FLAGS))
      if (how < 0.5) return argv.toSpliced(at, 0, random.pick(VALUES))
      if (how < 0.6) return argv.toSpliced(at, 1)
      if (how < 0.7) return [...random.pick(COMMANDS).path.split(' '), ...argv.slice(1)]
      if (how < 0.75) return argv.toReversed()
      return argv.length === 0
        ? ['']
        : argv.with(Math.min(at, argv.length - 1), mutateText(argv[Math.min(at, argv.length - 1)] ?? '', random)).slice(0, 50)
    },
    async run(input) {
      const said: string[] = []
      const restore = silence(said)
      try {
        await parse(listOf(input).map(textOf))
      } catch (error) {
        if (!(error instanceof Parsed)) throw error
        if (error.exitCode !== EXIT.ok.code && error.exitCode !== EXIT.usage.code) throw new Finding(`exit code ${error.exitCode}`)
        if (said.join('').trim() === '') throw new Finding('a command line was refused without a word')
      } finally {
        restore()
      }
    },
  }
}

async function parse(argv: readonly string[]): Promise<void> {
  const { spec, call } = await choose(argv, '0.0.0')
  // What every server command does with its options before anything is started.
  const checks = [() => settingsOf({ ...call.options, config: undefined }), () => integer(call.options, 'limit', 1), () => seedsOf(call.options)]
  for (const check of checks) {
    try {
      check()
    } catch (error) {
      if (!(error instanceof BatonError)) throw error
      if (faultText({ code: error.code, message: error.message }, spec.path).includes('[Internal]'))
        throw new Finding(`an internal error: ${error.message}`)
    }
  }
}

/** Keeps what is printed from the terminal; answers with how to undo that. */
function silence(said: string[]): () => void {
  const streams = [process.stdout, process.stderr]
  const writes = streams.map(stream => stream.write)
  for (const stream of streams) {
    stream.write = (chunk: string | Uint8Array) => {
      said.push(String(chunk))
      return true
    }
  }
  return () => {
    for (const [i, stream] of streams.entries()) {
      const write = writes[i]
      if (write) stream.write = write
    }
  }
}
