import { base } from '../api/base.ts'
import { Dialog } from './dialog.tsx'
import { helpIsOpen } from './keys.ts'

const keys: readonly (readonly [key: string, does: string])[] = [
  ['Ctrl K', 'go to a page, a topic or a group'],
  ['/', 'to the filter of the page'],
  ['j, k', 'next row, row before'],
  ['Enter', 'open the row'],
  ['Escape', 'close what is open'],
  ['?', 'these keys'],
]

export function Help() {
  return (
    <Dialog
      title="Keys"
      onClose={() => {
        helpIsOpen.value = false
      }}
    >
      <dl class="keys">
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p>
        <a href={`${base}/licenses.txt`} target="_blank" rel="noreferrer">
          Licences of what this page contains
        </a>
      </p>
    </Dialog>
  )
}
