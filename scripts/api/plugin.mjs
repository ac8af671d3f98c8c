// What TypeDoc would show and users need not see, and groups by what a reader looks for instead of by kinds.
import { Comment, CommentTag, Converter, ReflectionKind } from 'typedoc'

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_SIGNATURE, (_context, signature) => {
    // Settings of tests and probes.
    signature.parameters = signature.parameters?.filter(({ name }) => name !== 'internal')
  })
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    // Nobody but the package makes its errors and guards.
    for (const made of project.getReflectionsByKind(ReflectionKind.Constructor)) {
      project.removeReflection(made)
    }
    for (const method of project.getReflectionsByKind(ReflectionKind.Method)) {
      if (method.name === 'isGuardError' && method.parent?.name !== 'GuardError')
        project.removeReflection(method)
    }
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      const [, folder] = /^(?:adapters\/)?([\w-]+)/.exec(module.name.replace(/^index$/, '')) ?? []
      const entry = folder === 'queue' ? 'bullmq' : folder
      module.name = entry ? `qwen3guard/${entry}` : 'qwen3guard'
      for (const reflection of module.children ?? []) {
        reflection.comment ??= new Comment()
        reflection.comment.blockTags.push(
          new CommentTag('@group', [{ kind: 'text', text: groupOf(reflection) }]),
        )
      }
    }
  })
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    const members = project.getReflectionsByKind(
      ReflectionKind.ClassOrInterface |
        ReflectionKind.TypeAlias |
        ReflectionKind.FunctionOrMethod |
        ReflectionKind.Property |
        ReflectionKind.Accessor,
    )
    for (const member of members) {
      // Fields of an anonymous type are described with what has it.
      if (member.parent?.name === '__type' || isDocumented(member)) continue
      // `Omit` loses the comments of methods.
      const twin = members.find(
        (other) => other.name === member.name && other !== member && isDocumented(other),
      )
      if (twin && member.kind === ReflectionKind.Property) member.comment = commentOf(twin)?.clone()
      else app.logger.warn(`${member.getFullName()} has no docstring`)
    }
  })
}

function commentOf({ comment, signatures, getSignature }) {
  return [comment, getSignature?.comment, ...(signatures ?? []).map((one) => one.comment)].find(
    (one) => one && (one.summary.length > 0 || one.blockTags.some(({ tag }) => tag !== '@group')),
  )
}

const isDocumented = (member) => commentOf(member) !== undefined

function groupOf({ name, kind }) {
  if (/Error(Code)?$/.test(name)) return 'Errors'
  if (kind === ReflectionKind.Class) return 'Guards'
  if (kind === ReflectionKind.Function) return 'Functions'
  return OPTIONS.test(name) ? 'Options' : 'Verdicts and events'
}

const OPTIONS =
  /Options$|TooLong$|^(Policy|HoldBack|Gpu|KvType|LogLevel|Input|Message|ForeignMessage|Moderator|ReplyStream|NodeReply|PullProgress)$/
