/** `baton completion bash|zsh|fish` */
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call } from '../call.ts'
import { COMMANDS } from '../commands.ts'
import { SHELLS } from '../output/completion.ts'

export async function completion(call: Call): Promise<void> {
  const shell = argument(call, 0)
  const script = Object.entries(SHELLS).find(([name]) => name === shell)?.[1]
  if (script === undefined)
    throw new BatonError('BadRequest', `no completion for ${JSON.stringify(shell)}; there is: ${Object.keys(SHELLS).join(', ')}`)
  process.stdout.write(script(COMMANDS))
}
