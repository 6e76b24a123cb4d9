"""How the labelling page looks: classes that label_config.py gives, and Label Studio's own (version 1.23.2).

No `<`, `>` or `&` may stand here: Label Studio takes the text of the Style tag as XML source, which escapes them.
The bars of Label Studio above and below the page take 140 px of its height.
"""

STYLE = """
    .np { --np-bar: max(112px, 25vh - 80px); --np-side: 312px; --np-back: var(--color-neutral-background, #fff);
          --np-line: var(--color-neutral-border, #ccc); --np-ink: var(--color-neutral-content, #222);
          position: relative; min-height: calc(100vh - 200px); }

    .np-head { position: sticky; top: 0; z-index: 101; margin: 0 -14px; padding: 0 14px; background: var(--np-back);
               border-bottom: 1px solid var(--np-line); }
    .np-head .ant-collapse { display: flex; flex-wrap: wrap; column-gap: 16px; max-height: var(--np-bar);
                             overflow-y: auto; padding: 2px 0; background: none; border: 0; }
    .np-head .ant-collapse-item { display: flex; align-items: center; min-height: 28px; border: 0; }
    .np-head .ant-collapse-header { align-items: center; padding: 0 6px 0 0 !important; font-size: 13px;
                                    font-weight: 600; line-height: 28px; color: var(--np-ink) !important; }
    .np-head .ant-collapse-expand-icon { height: auto; }
    .np-head .ant-collapse-arrow { margin-right: 4px !important; font-size: 9px !important; }
    .np-head .ant-collapse-content-box { padding: 0 !important; }
    .np-head .lsf-labels { flex-flow: row wrap; gap: 4px; margin: 2px 0; }
    .np-head .lsf-label { height: 24px; margin: 0; padding: 1px 6px; font-size: 13px; }
    .np-head .lsf-label__hotkey { margin-left: 6px; font-weight: 600; }

    .np-fields { position: absolute; top: calc(100% + 1px); right: 0; box-sizing: border-box; width: var(--np-side);
                 max-height: calc(100vh - 150px - var(--np-bar)); overflow-y: auto; padding: 0 14px 4px 12px;
                 background: var(--np-back); }
    .np-field h4, .np-tip h4 { margin: 6px 0 3px !important; font-size: 13px; line-height: 17px; }
    .np-tip h4 { font-weight: 400; }
    .np-field .ant-input { background: var(--np-back); color: var(--np-ink); border-color: var(--np-line); }
    .np-field .lsf-choices { display: flex; flex-wrap: wrap; gap: 4px; margin: 0; }
    .np-field .lsf-choices.lsf-choices_hidden { display: none; }
    .np-field .lsf-choice { line-height: 22px; }
    .np-field .lsf-choice__checkbox { position: relative; margin: 0; padding: 0 8px; border: 1px solid var(--np-line);
                                      border-radius: 4px; font-size: 13px; line-height: 22px; }
    .np-field .lsf-choice__checkbox:focus-within { outline: 2px solid var(--color-primary-border, #4059b7); }
    .np-field .ant-checkbox { position: absolute; width: 0; overflow: hidden; opacity: 0; }
    .np-field .ant-checkbox + span { padding: 0; }
    .np-field .ant-checkbox-wrapper-checked, .np-field .ant-checkbox-wrapper-checked * {
        background: var(--color-primary-surface, #4059b7); color: #fff; }
    .np-field .lsf-hint { margin-left: 4px; }
    .np-field .lsf-text-area .ant-form-item { margin: 0; }
    .np-field .lsf-choice__item[style*=order] .lsf-hint { display: none; }
    .np-long .lsf-choices { position: relative; max-height: 80px; overflow-y: auto; margin-top: 4px; }
    .np-long .lsf-choice:has(.ant-checkbox-wrapper-checked) { order: -1; }

    .np-text { padding: 30px 0 0 24px; }
    .np-text, .np-text * { white-space: pre-wrap; }
    .np-text .lsf-richtext__container { line-height: 26px; }
    .np-document { padding: 8px 0 0 32px; }
    .np-beside { margin-right: var(--np-side); }
  """
