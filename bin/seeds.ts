/** `--join`: the conductors a node knows to begin with. */
import { BatonError } from '../actors/kernel/errors.ts'
import { type Options, required } from './call.ts'

/** Endpoints such as `tcp://10.0.0.1:9101`, separated by commas. Throws `BadRequest`. */
export function seedsOf(options: Options): string[] {
  const seeds = required(options, 'join')
    .split(',')
    .map(s => s.trim())
    .filter(Boolean)
  for (const seed of seeds)
    if (!/^(tcp|ipc):\/\/.+/.test(seed))
      throw new BatonError('BadRequest', `--join: ${JSON.stringify(seed)} is no endpoint; it looks like tcp://127.0.0.1:9101`)
  if (seeds.length === 0) throw new BatonError('BadRequest', '--join names no conductor')
  return seeds
}
