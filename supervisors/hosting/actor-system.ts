/**
 * The thin layer between nact and the rest: mailboxes and one message at a time, nothing else.
 *
 * nact copies the parent's children map for every message, so an actor with many children is slow; ours live under
 * bucket parents of at most `BUCKET` each, and are found through our own registries, never by asking a parent.
 * A handler given here must not throw: failures are the business of the runtime above, and `onCrash` only ever resumes.
 */
import * as nact from 'nact'

const BUCKET = 100

export interface Mailbox<M> {
  tell(message: M): void
  stop(): void
}

export interface ActorSystem {
  /** An actor that handles one message at a time; `handle` never rejects. */
  spawn<M>(handle: (message: M) => void | Promise<void>): Mailbox<M>
  /** Actors alive. */
  size(): number
  stop(): void
}

type Ref = nact.Ref<unknown>
interface Bucket {
  readonly ref: Ref
  children: number
}

export function createActorSystem(name: string): ActorSystem {
  const system = nact.start({ name } as never)
  const buckets: Bucket[] = []
  let size = 0
  let bucketNumber = 0
  let actorNumber = 0

  function roomiest(): Bucket {
    const last = buckets.at(-1)
    if (last && last.children < BUCKET) return last
    const free = buckets.find(b => b.children < BUCKET)
    if (free) {
      // Moved to the end so that the next spawns find it without a search.
      buckets.splice(buckets.indexOf(free), 1)
      buckets.push(free)
      return free
    }
    const bucket: Bucket = { ref: nact.spawnStateless(system, () => {}, `bucket-${bucketNumber++}`) as Ref, children: 0 }
    buckets.push(bucket)
    return bucket
  }

  return {
    spawn(handle) {
      const bucket = roomiest()
      bucket.children++
      size++
      const ref = nact.spawnStateless(bucket.ref, handle as (message: unknown) => void | Promise<void>, `actor-${actorNumber++}`) as Ref
      let stopped = false
      return {
        tell: message => nact.dispatch(ref, message),
        stop() {
          if (stopped) return
          stopped = true
          bucket.children--
          size--
          nact.stop(ref)
        },
      }
    },
    size: () => size,
    stop: () => nact.stop(system),
  }
}
