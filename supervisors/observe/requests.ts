/** What nodes remember, gathered from all of them: nobody but they has it. A node that does not answer in time is named, not waited for. */
import type { ClusterApi, NodeBody } from '../../actors/api.ts'
import type { LogMark, NodeReport, TracedSpan } from '../../actors/cluster/evidence.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { parseTrace, type Span } from '../../actors/kernel/tracing.ts'
import type { NodeLogs } from './witness.ts'

export interface EvidenceOptions {
  readonly env: Pick<Env, 'setTimer'>
  readonly views: Pick<Views, 'get' | 'list'>
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  nodes(): Promise<readonly NodeBody[]>
}

/** How long a node is waited for, ms. */
const PATIENCE_MS = 3000
const TRACE_ID = /^[0-9a-f]{32}$/

export function evidenceRequests({ env, views, call, nodes }: EvidenceOptions): Pick<ClusterApi, 'getTrace' | 'listLogs' | 'nodeReport'> {
  function ask<T>(node: Pick<NodeBody, 'id' | 'role'>, method: string, args: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = env.setTimer(PATIENCE_MS, () => reject(new BatonError('Unavailable', `${node.id} does not answer`)))
      call(node.role === 'compute' ? 'compute' : 'node', node.id, method, args)
        .then(answer => resolve(answer as T), reject)
        .finally(() => late.cancel())
    })
  }

  /** The answers of all nodes that can be asked, by node. */
  async function askAll<T>(of: readonly NodeBody[], method: string, argsOf: (node: string) => unknown) {
    const answers = new Map<string, T>()
    const silent: string[] = []
    await Promise.all(
      of.map(async node => {
        try {
          answers.set(node.id, await ask<T>(node, method, argsOf(node.id)))
        } catch {
          silent.push(node.id)
        }
      }),
    )
    return { answers, silent: silent.sort() }
  }

  const known = async (): Promise<NodeBody[]> => (await nodes()).filter(n => n.state === 'up' || n.state === 'draining' || n.state === 'suspect')

  async function nodeOf(id: string): Promise<NodeBody> {
    const node = (await nodes()).find(n => n.id === id)
    if (!node) throw new BatonError('NotFound', `there is no node ${id}; \`baton node list\` shows those there are`)
    return node
  }

  /** The trace that a trace id, an operation or a request belongs to. Rejects `NotFound`. */
  async function traceIdOf(id: string): Promise<string> {
    if (TRACE_ID.test(id)) return id
    const isRequest = id.startsWith('req-')
    const rows = isRequest ? await views.list('operation', { where: { request_id: id }, limit: 1 }) : [await views.get('operation', id)]
    const [row] = rows
    const by: unknown = row ? Reflect.get(row.body, 'by') : null
    const trace: unknown = typeof by === 'object' && by !== null ? Reflect.get(by, 'trace') : null
    const parsed = typeof trace === 'string' ? parseTrace(trace) : null
    if (parsed?.isSampled) return parsed.traceId
    if (!isRequest && !row) throw new BatonError('NotFound', `there is no operation ${id}; give a trace id, a request id (req-…) or an operation id`)
    if (!isRequest || row)
      throw new BatonError(
        'NotFound',
        `${id} was not traced; tracing.sample is the share of the requests that are, and one with a sampled traceparent always is`,
      )
    const { answers } = await askAll<Span[]>(await known(), 'spans', () => ({ requestId: id }))
    const [span] = [...answers.values()].flat()
    if (!span) throw new BatonError('NotFound', `no node remembers a span of request ${id}: it was not traced, or too long ago`)
    return span.traceId
  }

  return {
    async getTrace({ id }) {
      const traceId = await traceIdOf(id)
      const { answers, silent } = await askAll<Span[]>(await known(), 'spans', () => ({ traceId }))
      const found = new Map<string, TracedSpan>()
      // A step that was taken over may be told by two.
      for (const [node, spans] of answers) for (const span of spans) found.set(span.spanId, { ...span, node })
      if (found.size === 0) throw new BatonError('NotFound', `no node remembers a span of trace ${traceId}: it is too long ago, or was elsewhere`)
      return { traceId, spans: [...found.values()].sort((a, b) => a.startMs - b.startMs), silent }
    },
    async listLogs({ node, after = {}, ...query }) {
      const of = node === undefined ? await known() : [await nodeOf(node)]
      const { answers, silent } = await askAll<NodeLogs>(of, 'logs', id => ({ ...query, ...(after[id] ? { after: after[id] } : {}) }))
      const lines = [...answers.values()].flatMap(a => a.lines).sort((a, b) => a.at - b.at)
      const upTo: Record<string, LogMark> = { ...after }
      for (const [id, answer] of answers) upTo[id] = answer.upTo
      // Who goes on from a place wants all there is behind it, of every node.
      const isWhole = query.limit === undefined || Object.keys(after).length > 0
      return { lines: isWhole ? lines : lines.slice(-(query.limit ?? 0)), upTo, silent }
    },
    async nodeReport({ id }) {
      return ask<NodeReport>(await nodeOf(id), 'report', {})
    },
  }
}
