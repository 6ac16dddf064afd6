/** JSON as a tree that opens and closes, with every digit that is written. */
import { useMemo, useState } from 'preact/hooks'
import { type JsonNode, parseJson } from '../api/json-text.ts'

/** Children that are shown before more are asked for. */
const step = 100
/** Trees with fewer values are open from the beginning. */
const openDepth = 2

export function JsonTree({ text }: { text: string }) {
  const node = useMemo(() => {
    try {
      return parseJson(text)
    } catch {
      return undefined
    }
  }, [text])
  if (!node) return <pre class="text">{text}</pre>
  return (
    <div class="json">
      <Node node={node} name={undefined} depth={0} isLast />
    </div>
  )
}

interface NodeProps {
  readonly node: JsonNode
  readonly name: string | undefined
  readonly depth: number
  readonly isLast: boolean
}

function Node({ node, name, depth, isLast }: NodeProps) {
  const label = name === undefined ? null : <span class="json-name">{JSON.stringify(name)}: </span>
  if (node.kind === 'object' || node.kind === 'array') {
    return <Branch node={node} label={label} depth={depth} isLast={isLast} />
  }
  const written = node.kind === 'string' ? JSON.stringify(node.value) : node.text
  return (
    <div class="json-leaf">
      {label}
      <span class={`json-${node.kind}`}>{written}</span>
      {!isLast && ','}
    </div>
  )
}

function Branch({
  node,
  label,
  depth,
  isLast,
}: Omit<NodeProps, 'node' | 'name'> & {
  node: Extract<JsonNode, { kind: 'object' | 'array' }>
  label: preact.ComponentChildren
}) {
  const children: readonly (readonly [string | undefined, JsonNode])[] =
    node.kind === 'object' ? node.entries : node.items.map((item) => [undefined, item] as const)
  const [isOpen, setOpen] = useState(depth < openDepth)
  const [shown, setShown] = useState(step)
  const [begin, end] = node.kind === 'object' ? ['{', '}'] : ['[', ']']
  if (children.length === 0) {
    return (
      <div class="json-leaf">
        {label}
        {begin}
        {end}
        {!isLast && ','}
      </div>
    )
  }
  const left = children.length - shown
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {label}
        {begin}
        {!isOpen && (
          <span class="dim">
            {' '}
            {children.length} … {end}
          </span>
        )}
      </summary>
      {isOpen && (
        <div class="json-children">
          {children.slice(0, shown).map(([name, child], i) => (
            <Node
              key={i}
              node={child}
              name={name}
              depth={depth + 1}
              isLast={i === children.length - 1}
            />
          ))}
          {left > 0 && (
            <button type="button" class="link" onClick={() => setShown(shown + step * 10)}>
              {left} more
            </button>
          )}
        </div>
      )}
      {isOpen && (
        <div>
          {end}
          {!isLast && ','}
        </div>
      )}
    </details>
  )
}
