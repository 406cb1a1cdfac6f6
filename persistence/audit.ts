/** The audit log on PostgreSQL. The database makes the chain; it is verified here, from the rows alone. */
import { createHash } from 'node:crypto'
import type pg from 'pg'
import { type AuditLine, type AuditLog, hashedText } from '../actors/kernel/audit.ts'
import { type Connector, overHosts } from './hosts.ts'

interface Row {
  readonly seq: string
  readonly request_id: string
  readonly at: string
  readonly line: string
  readonly hash: string
}

interface Chain {
  readonly seq: string
  readonly hash: string
  readonly first_seq: string
  readonly first_hash: string
}

export function createAudit(connector: Connector, pool: pg.Pool): AuditLog & { trim(olderMs: number): Promise<number> } {
  const run = async <R extends pg.QueryResultRow>(text: string, values: unknown[], again: 'reads' | 'once' = 'reads'): Promise<R[]> =>
    (await overHosts(connector.target, () => pool.query<R>(text, values), again)).rows

  return {
    async append(lines) {
      const batch = lines.map(line => ({ id: line.requestId, line: JSON.stringify(line) }))
      await run('select baton_audit($1::json)', [JSON.stringify(batch)], 'once')
    },
    async list({ limit, before }) {
      const rows = await run<Row>('select * from audit where $1::bigint is null or seq < $1 order by seq desc limit $2', [before ?? null, limit])
      return rows.map(({ seq, at, line, hash }) => ({ ...(JSON.parse(line) as AuditLine), seq: Number(seq), at: Number(at), hash }))
    },
    async verify({ limit, after }) {
      const [chain] = await run<Chain>('select seq, hash, first_seq, first_hash from audit_chain', [])
      const from = after ?? { seq: Number(chain?.first_seq ?? 0), hash: chain?.first_hash ?? '' }
      const rows = await run<Row>('select * from audit where seq > $1 order by seq limit $2', [from.seq, limit])
      let upTo = from
      let lines = 0
      for (const row of rows) {
        const why = misfit(row, upTo)
        if (why !== null) return { lines, upTo, isEnd: false, broken: { seq: Number(row.seq), why } }
        upTo = { seq: Number(row.seq), hash: row.hash }
        lines++
      }
      const isEnd = rows.length < limit
      const missing = isEnd && upTo.seq < Number(chain?.seq ?? 0)
      const broken = missing ? { seq: upTo.seq + 1, why: `the lines up to ${chain?.seq} are missing` } : null
      return { lines, upTo, isEnd, broken }
    },
    async trim(olderMs) {
      let gone = 0
      for (;;) {
        const [row] = await run<{ gone: number }>('select baton_audit_trim($1, $2) as gone', [Math.round(olderMs), SLICE])
        gone += row?.gone ?? 0
        if ((row?.gone ?? 0) < SLICE) return gone
      }
    },
  }
}

/** Lines deleted per statement. */
const SLICE = 1000

/** Why a line does not follow the one before; null when it does. */
function misfit({ seq, at, line, hash, request_id: id }: Row, before: { readonly seq: number; readonly hash: string }): string | null {
  if (Number(seq) !== before.seq + 1) return `line ${before.seq + 1} is missing`
  const found = createHash('sha256')
    .update(hashedText(before.hash, Number(seq), Number(at), line))
    .digest('hex')
  if (found !== hash) return 'its hash is not that of what it says and of the line before'
  const said: unknown = JSON.parse(line)
  const same = typeof said === 'object' && said !== null && Reflect.get(said, 'requestId') === id
  return same ? null : 'it stands under another request id than it says'
}
