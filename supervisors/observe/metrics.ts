/** Prometheus metrics of a node: the node's own counters are read when somebody asks, durations are put in as they happen. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client'
import { parseTrace } from '../../actors/kernel/tracing.ts'
import { HISTOGRAMS, type HistogramName, type MetricValues, NUMBERS, type NumberName, type Observe } from './metrics-table.ts'

export interface NodeMetrics {
  /** The whole text; in OpenMetrics, which has exemplars, when `openMetrics` is set, else in Prometheus' own format. */
  text(openMetrics?: boolean): Promise<string>
  readonly observe: Observe
}

type AnyRegistry = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>

/** `read` is called for every scrape; what it has left out ever since is left out of the answer. */
export function createMetrics(node: { readonly id: string; readonly role: string }, read: () => MetricValues): NodeMetrics {
  // A registry has one format, so there is one for each. Counters cannot be shared: rendered as OpenMetrics they lose their names' end.
  const plain = new Registry()
  const open = new Registry<OpenMetricsContentType>()
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const histograms = new Map<HistogramName, Histogram>()
  const faces = { plain: face(plain, node), open: face(open, node) }

  function histogramOf(name: HistogramName): Histogram {
    const known = histograms.get(name)
    if (known) return known
    const { help, labels, buckets } = HISTOGRAMS[name]
    // prom-client lets only OpenMetrics have exemplars, and leaves them out where the format has none.
    const options = { name: `baton_${name}`, help, labelNames: [...labels], buckets: [...buckets], enableExemplars: true }
    const made = new Histogram({ ...options, registers: [open] })
    plain.registerMetric(made)
    histograms.set(name, made)
    return made
  }

  return {
    text: (openMetrics = false) => (openMetrics ? faces.open : faces.plain)(read()),
    observe(name, seconds, labels = {}, trace) {
      // Nobody has the spans of a trace that is not sampled.
      const parsed = parseTrace(trace)
      histogramOf(name).observe({ labels, value: seconds, ...(parsed?.isSampled ? { exemplarLabels: { trace_id: parsed.traceId } } : {}) })
    },
  }
}

/** From values to the text of one registry. */
function face(registry: AnyRegistry, node: { readonly id: string; readonly role: string }): (values: MetricValues) => Promise<string> {
  registry.setDefaultLabels({ node: node.id, role: node.role })
  const setters = new Map<NumberName, (value: number) => void>()
  /** What the process says of itself costs observers, so it begins with the first scrape. */
  let begun = false

  function setterOf(name: NumberName): (value: number) => void {
    const known = setters.get(name)
    if (known) return known
    const { type, help } = NUMBERS[name]
    const made = type === 'counter' ? counterSetter(name, help) : gaugeSetter(name, help)
    setters.set(name, made)
    return made
  }

  function gaugeSetter(name: NumberName, help: string): (value: number) => void {
    const gauge = new Gauge({ name: `baton_${name}`, help, registers: [registry] })
    return value => gauge.set(value)
  }

  /** Counts are kept by the parts. One that went back is of a part that began again (a new incarnation), as Prometheus expects it. */
  function counterSetter(name: NumberName, help: string): (value: number) => void {
    const counter = new Counter({ name: `baton_${name}`, help, registers: [registry] })
    return value => {
      counter.reset()
      counter.inc(value)
    }
  }

  return values => {
    if (!begun) collectDefaultMetrics({ register: registry })
    begun = true
    for (const [name, value] of Object.entries(values)) if (isNumber(name)) setterOf(name)(value)
    return registry.metrics()
  }
}

const isNumber = (name: string): name is NumberName => Object.hasOwn(NUMBERS, name)
