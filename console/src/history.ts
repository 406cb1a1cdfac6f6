/** The last hour as the cluster remembers it: asked for once, then kept up while it is looked at. Times are cluster time. */
import { useEffect, useState } from 'preact/hooks'
import type { Sample } from '../../actors/cluster/history.ts'
import { useLive } from './live.ts'
import { joined } from './replay.ts'

const EVERY_MS = 2000

/** Empty until the first answer, and while the cluster does not remember anything. */
export function useHistory(): readonly Sample[] {
  const { client } = useLive()
  const [samples, setSamples] = useState<readonly Sample[]>([])
  useEffect(() => {
    let known: readonly Sample[] = []
    let epoch: string | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    async function ask(): Promise<void> {
      let more = false
      try {
        const after = known.at(-1)?.at
        const part = await client.history(after === undefined || epoch === undefined ? {} : { after, epoch })
        known = joined(known, part)
        epoch = part.epoch
        more = part.more
        if (!isOver && !more) setSamples(known)
      } catch {
        // No connection, or no conductor: what was told stays, and is asked for again.
      }
      if (!isOver) timer = setTimeout(ask, more ? 0 : EVERY_MS)
    }
    ask()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [client])
  return samples
}
