/** What the connection is doing, in words. */
import { useEffect, useState } from 'preact/hooks'
import { duration } from '../format.ts'
import { useLive, useNow } from '../live.ts'

export function Connection() {
  const { connection } = useLive()
  const [sinceMs, setSince] = useState(Date.now)
  const now = useNow(500)
  useEffect(() => setSince(Date.now()), [connection])
  const [tone, text] = ((): [string, string] => {
    switch (connection.state) {
      case 'connecting':
        return ['busy', 'Connecting …']
      case 'waiting': {
        const leftMs = Math.max(0, connection.retryInMs - (now - sinceMs))
        return ['bad', `Not live: ${connection.why}; trying again in ${duration(leftMs)}. What is shown is from before.`]
      }
      case 'closed':
        return ['bad', `Not live: ${connection.why}`]
      case 'live':
        return connection.silent.length === 0
          ? ['good', `Live by ${connection.gateway}`]
          : ['busy', `Live, but ${connection.silent.join(', ')} is not heard: what it owns may be old`]
    }
  })()
  return (
    <span class={`connection ${tone}`} role="status" aria-live="polite">
      {text}
    </span>
  )
}
