/** docs/metrics.md, made from the table of metrics. */
import { HISTOGRAMS, NUMBERS } from '../supervisors/observe/metrics-table.ts'

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

const HEAD = `# Metrics

Made from \`supervisors/observe/metrics-table.ts\` by \`npm run docs\`. Every node answers \`GET /metrics\`: a gateway on its own port, conductors and
compute hosts on a port of loopback that \`baton node list\` shows as \`metricsPort\`. Every sample has the labels \`node\` and \`role\`; the
\`process_\` and \`nodejs_\` metrics of prom-client come with them.

Names follow Prometheus' conventions: base units, the unit last, \`_total\` behind counters alone. To a scraper that accepts
\`application/openmetrics-text\` the answer is OpenMetrics, in which histograms carry exemplars: the \`trace_id\` of the newest request in a bucket.

In \`docs/monitoring/\` there are alert rules for Prometheus, their test, and a dashboard for Grafana. A test runs promtool over the rules.`

export function metricsDocument(): string {
  const numbers = Object.entries(NUMBERS).map(([name, m]) => row([`\`baton_${name}\``, m.type, m.roles.join(', '), m.help]))
  const histograms = Object.entries(HISTOGRAMS).map(([name, m]) =>
    row([`\`baton_${name}\``, m.labels.map(label => `\`${label}\``).join(', '), m.buckets.join(' '), m.roles.join(', '), m.help]),
  )
  return [
    HEAD,
    '## Gauges and counters',
    [row(['name', 'type', 'nodes', 'meaning']), row(['---', '---', '---', '---']), ...numbers].join('\n'),
    '## Histograms',
    [row(['name', 'labels', 'buckets, s', 'nodes', 'meaning']), row(['---', '---', '---', '---', '---']), ...histograms].join('\n'),
    '',
  ].join('\n\n')
}
