/**
 * Names of principals made from distinguished names, in the words of Kafka's `ssl.principal.mapping.rules` (KIP-371): rules
 * that are tried in order, `RULE:<pattern>/<replacement>/[LU]` or `DEFAULT`, with commas between them.
 */
import { invalid } from '../core/options.ts'

/** Undefined: no rule fits. */
export type PrincipalMapping = (distinguishedName: string) => string | undefined

const rule = /\s*(?:DEFAULT|RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?))\s*(?:,|$)/y

/** An empty text is `DEFAULT`: the whole name. Throws `ConfigError`. */
export function parsePrincipalMapping(
  rules: string,
  name = 'principalMappingRules',
): PrincipalMapping {
  const mappings: PrincipalMapping[] = []
  if (rules.trim() === '') return (whole) => whole
  rule.lastIndex = 0
  while (rule.lastIndex < rules.length) {
    const from = rule.lastIndex
    const match = rule.exec(rules)
    if (!match) {
      throw invalid(
        `${name} cannot be read from '${rules.slice(from, from + 50)}' on; rules are RULE:pattern/replacement/, with L or U at the end for lower or upper case, or DEFAULT`,
      )
    }
    mappings.push(mappingOf(match, name))
  }
  return (whole) => {
    for (const mapping of mappings) {
      const mapped = mapping(whole)
      if (mapped !== undefined) return mapped
    }
    return undefined
  }
}

function mappingOf(
  [, pattern, replacement, change]: RegExpExecArray,
  name: string,
): PrincipalMapping {
  if (pattern === undefined) return (whole) => whole
  let whole: RegExp
  try {
    whole = new RegExp(`^(?:${pattern})$`)
  } catch (error) {
    throw invalid(`${name} has a pattern that cannot be used: ${(error as Error).message}`)
  }
  return (distinguishedName) => {
    if (!whole.test(distinguishedName)) return undefined
    const made = distinguishedName.replace(whole, replacement!.replaceAll('\\/', '/'))
    return change === 'L' ? made.toLowerCase() : change === 'U' ? made.toUpperCase() : made
  }
}
