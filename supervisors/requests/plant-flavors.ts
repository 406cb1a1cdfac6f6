/** Every new cluster has a few flavors; their actors see to it that a deleted one does not come back. */
import { BUILTIN_FLAVORS } from '../../actors/flavor/flavor.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { toFault } from '../../actors/kernel/errors.ts'

/** Pause before flavors that could not be planted are tried again, ms. */
const AGAIN_MS = 1000

export interface PlantOptions {
  readonly env: Pick<Env, 'setTimer' | 'log'>
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** True when this conductor has stopped. */
  isOver(): boolean
}

export function plantFlavors({ env, call, isOver }: PlantOptions): void {
  for (const { id, ...flavor } of BUILTIN_FLAVORS) {
    call('flavor', id, 'create', { ...flavor, builtin: true }).catch(error => {
      if (!isOver()) env.setTimer(AGAIN_MS, () => !isOver() && plantFlavors({ env, call, isOver }))
      env.log.debug({ flavor: id, fault: toFault(error) }, 'a built-in flavor is not there yet')
    })
  }
}
