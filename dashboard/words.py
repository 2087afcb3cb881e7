"""All words of the pages, in both languages.

Sentences about verdicts and doors come from `alerts.notification.messages`.
"""

from __future__ import annotations

from alerts.outreach.planner import VisitResult
from grid.text import Language, Text

PRODUCT = Text("红马甲 · 配变负载值守", "Redvest · transformer load watch")
PRODUCT_SHORT = Text("红马甲", "Redvest")
LANGUAGES = {Language.ZH: "中文", Language.EN: "English"}
LANGUAGE = Text("语言", "Language")

# Pages
WALL = Text("负载大屏", "Wall")
TRANSFORMER = Text("台区", "Transformer")
INCIDENTS = Text("事件", "Incidents")
INCIDENT = Text("事件处置", "Incident")
MY_LIST = Text("我的走访", "My list")
SYSTEM = Text("系统状态", "System")
FIND = Text("查找", "Find")
FIND_WHAT = Text("查找台区、事件、商户、街道", "Transformer, incident, shop or street")
FIND_HINT = Text(
    "编号、名称、街道、事件编号或电话后四位以上",
    "id, name, street, incident, or a phone's last four digits or more",
)
FOUND_NOTHING = Text("没有找到。", "Nothing fits.")
MAP = Text("接线示意图", "The network")
MAP_FEEDERS = Text("按线路", "By feeder")
MAP_POSITION = Text("按位置", "By position")
NO_FEEDER = Text("未填线路", "no feeder")
NO_POSITIONS = Text("台账里没有经纬度。", "The ledger holds no positions.")
ALARM_AUDIT = Text("告警自查", "Alarm audit")

# Levels have their words in alerts.model.display_names; these are the states beside them
NORMAL = Text("正常", "Normal")
SILENT = Text("失去数据", "No data")
NEVER_SEEN = Text("从未上报", "Never seen")
OLD_DATA = Text("仅有旧数据", "Old data only")
NO_VOLTAGE = Text("停电", "No voltage")
NO_VOLTAGE_SINCE = Text("{time} 起三相无电压", "no voltage on any phase since {time}")
NO_VOLTAGE_NOW = Text("最新读数三相无电压", "newest reading has no voltage on any phase")
NO_VOLTAGE_INCIDENT = Text("停电，事件保持未结", "no voltage; the incident stays open")
VOLTAGE_UNSEEN = Text("零功率，未见电压", "Zero power, no voltage sent")
VOLTAGE_UNSEEN_LONG = Text(
    "功率为零且不带电压，分不清空载还是停电",
    "zero power and no voltage sent: no load cannot be told from no supply",
)
NO_DATA_SINCE = Text("{time} 起无数据", "no data since {time}")
NO_DATA_EVER = Text("建档以来从未上报", "no data since registered")
OLD_MEASURED = Text("最新数据测于 {time}", "newest data measured {time}")

# Wall
WATCHED = Text("在看台区", "Watched")
HEAVY_COUNT = Text("重载", "Heavy")
SEVERE_COUNT = Text("严重重载", "Severe heavy")
OVERLOAD_COUNT = Text("过载", "Overload")
OPEN_INCIDENTS_COUNT = Text("未结事件", "Open incidents")
NO_VOLTAGE_COUNT = Text("停电", "No voltage")
BLIND_COUNT = Text("失去数据", "No data")
NEVER_SEEN_COUNT = Text("从未上报", "Never seen")
LAST_RECEIVED = Text("最近收到", "Last received")
OPEN_INCIDENTS = Text("未结事件（最重的在前）", "Open incidents, gravest first")
NO_OPEN_INCIDENTS = Text("当前没有未结事件。", "No incident is open.")
WORST_TRANSFORMERS = Text("最重的台区", "The heaviest")
ALL_AREAS = Text("全部 {count} 个台区（按网格）", "All {count} areas, by service grid")
NO_GRID = Text("未分网格", "no grid")
ALL_TRANSFORMERS = Text("全部台区（重的在前）", "All transformers, heaviest first")
NO_TRANSFORMERS = Text(
    "台账里还没有台区。请先导入台账：redvest ledger import 目录",
    "The ledger has no transformer yet. Import one first: redvest ledger import DIR",
)
MORE_INCIDENTS = Text("另有 {count} 个未结事件，见事件页。", "{count} more open incidents: see the page Incidents.")
WORST_PHASE = Text("最重相", "Worst phase")
TREND = Text("趋势", "Trend")
OPENED = Text("发现", "Opened")
PEAK = Text("峰值", "Peak")
NOW = Text("当前", "Now")
SINCE = Text("{time} 起", "since {time}")
BLIND = Text("失明", "Blind")
BLIND_LONG = Text("读数中断，事件保持未结", "readings stopped; the incident stays open")
AGREED_OF = Text("{agreed}/{doors} 户同意", "{agreed}/{doors} doors agreed")
NO_LIST_YET = Text("名单生成中", "list is being made")

# Transformer
PICK_TRANSFORMER = Text("选择台区", "Transformer")
RANGE = Text("时间范围", "Range")
RANGES = {
    3: Text("3 小时", "3 h"),
    6: Text("6 小时", "6 h"),
    12: Text("12 小时", "12 h"),
    24: Text("24 小时", "24 h"),
    72: Text("3 天", "3 days"),
    168: Text("7 天", "7 days"),
}
SHOW = Text("显示", "Show")
SHOW_PHASES = Text("三相负载率", "Phases")
SHOW_VOLTAGE = Text("电压", "Voltages")
SHOW_IMBALANCE = Text("不平衡度", "Imbalance")
PHASE_LOAD_RATES = Text("各相负载率", "Phase load rate")
VOLTAGES = Text("相电压 V", "Phase voltage V")
DAY = Text("查看某一天（不选为实时）", "One day (none: live)")
BESIDE = Text("对比", "Beside it")
BESIDE_KINDS = {
    "yesterday": Text("前一天", "Day before"),
    "weekday": Text("上周同日", "Same weekday"),
}
BESIDE_DAY = Text("另一天", "Another day")
DOWNLOAD_CSV = Text("下载 CSV", "Download CSV")
DAY_SHOWN = Text("{day} 全天", "the whole of {day}")
SHOW_PHASE = Text("最重相", "Worst phase")
SHOW_AIR = Text("气温", "Air temperature")
LOAD_RATE = Text("负载率", "Load rate")
LOAD_RATE_CURVE = Text("负载率曲线", "Load-rate curve")
AIR_TEMPERATURE = Text("气温", "Air")
NO_READINGS = Text("这段时间没有读数。", "No readings in this range.")
LEGEND_LOAD = Text("负载率（总）", "load rate (total)")
LEGEND_PHASE = Text("最重相", "worst phase")
EFFECT = Text("走访效果：", "Effect of the visits: ")
LEGEND_BASELINE = Text("若未走访（基线与 90% 区间）", "without the visits (baseline, 90 % interval)")
LEGEND_INCIDENT = Text("事件期间", "incident")
LEGEND_AIR = Text("气温（右轴）", "air temperature (right)")
LEGEND_ACTIVE_ONLY = Text("仅有功（偏低）", "active only (under-read)")
LEGEND_TARGET = Text("目标线", "target")
LEGEND_VISIT = Text("走访", "visits")
HEAVIEST = Text("最重台区 {transformer} · 最近 {hours} 小时", "Heaviest: {transformer}, last {hours} h")
LEGEND_GAP = Text("断线处为缺数", "a hole in the line is missing data")
THINNED = Text(
    "长时段每 {step} 只画其中最重的一个读数；没有求平均，也没有补数。",
    "In long ranges each {step} shows its heaviest reading; nothing is averaged or filled in.",
)
FACTS = Text("最新读数", "Newest reading")
RATED_POWER = Text("额定容量", "Rated power")
APPARENT_POWER = Text("视在功率", "Apparent power")
BASIS = Text("计算依据", "Computed from")
ACTIVE_ONLY = Text("仅有功", "active only")
PHASE_LOAD_RATE = Text("{phase} 相负载率", "Phase {phase} load rate")
PHASE_FORMULA = Text("K相 = U·I / (Sn/3)", "K_ph = U·I / (Sn/3)")
ACTIVE_ONLY_LONG = Text("仅有功，实际更高", "active only, under-read")
PHASE_VOLTAGE = Text("{phase} 相电压", "Phase {phase} voltage")
VOLTAGE_LIMITS = Text(
    "供电电压限值 {low:.1f}…{high:.1f} V（GB/T 12325-2008：220 V，+7 %、−10 %）。",
    "Limits of supply voltage: {low:.1f}…{high:.1f} V (GB/T 12325-2008: 220 V, +7 %, −10 %).",
)
VOLTAGE_BELOW = Text("▼ 低于限值", "▼ below the limit")
VOLTAGE_ABOVE = Text("▲ 高于限值", "▲ above the limit")
VOLTAGE_OUTSIDE = Text("电压越限", "voltage outside limits")
QUALITY = Text("近 24 小时数据可信度", "Trust in the last 24 hours")
QUALITY_NOTHING = Text("近 24 小时没有可判定的读数。", "No reading with a load rate in the last 24 hours.")
QUALITY_NEWEST_FLAGGED = Text("最新读数仍存疑", "newest reading in doubt")
QUALITY_PAST = Text("最新读数已正常", "newest reading is clean")
QUALITY_READINGS = Text("{readings} 个读数，其中 {doubtful} 个存疑", "{readings} readings, {doubtful} in doubt")
QUALITY_NOTE = Text(
    "存疑的读数照常显示，但不能单独叫人，也不能结束事件。",
    "Doubtful readings are shown as they came; alone they call nobody, and they end no incident.",
)
IMBALANCE = Text("三相不平衡度", "Three-phase imbalance")
IMBALANCE_FORMULA = "(Imax − Imin) / Imax"
MEASURED_AT = Text("测量时间", "Measured")
RECEIVED_AT = Text("收到时间", "Received")
BELONGS = Text("归属", "Belongs to")
STATION = Text("供电所", "Station")
GRID = Text("网格", "Service grid")
TEAM = Text("责任人员", "Team")
MERCHANTS = Text("商户", "Merchants")
MERCHANTS_VALUE = Text("{merchants} 户，其中保护 {protected} 户", "{merchants}, of them {protected} protected")
ITS_INCIDENTS = Text("本台区事件", "Incidents of this transformer")
ITS_RULES = Text("判定规则", "Rules")
CALLS_PEOPLE = Text("叫人", "calls people")
SHOWN_ONLY = Text("只显示", "shown only")
NONE_YET = Text("暂无", "none yet")
OPEN_ITS_INCIDENT = Text("打开事件处置", "Open the incident")
OPEN_ITS_TRANSFORMER = Text("查看台区曲线", "Open the transformer")
INDOOR = Text("户内", "indoor")

# Incidents
FILTER_OPEN = Text("未结", "Open")
FILTER_CLOSED = Text("已结与撤销", "Closed and retracted")
FILTER_ALL = Text("全部", "All")
FILTER = Text("筛选", "Filter")
NO_INCIDENTS = Text("没有符合条件的事件。", "No incident fits.")
DURATION = Text("持续", "Lasted")
FROM_TO = Text("发现→当前", "Opened → now")
INCIDENTS_SHOWN = Text("显示最近 {shown} 个，共 {count} 个。", "Showing the newest {shown} of {count}.")

OPEN_IT = Text("处置", "open")

# Incident
PROGRESS = Text("进展", "Progress")
TAKE_IT = Text("我来处理", "I have it")
TAKEN = Text("已记录：由您处理", "Recorded: you have it")
ASSIGN = Text("指派", "Assign")
ASSIGN_TO = Text("指派给", "Assign to")
ASSIGNED = Text("已指派", "Assigned")
COMMENT = Text("备注", "Note")
COMMENT_WORDS = Text("备注内容（不要写个人信息）", "Note (no personal data)")
COMMENTED = Text("已备注", "Noted")
PUT_AWAY = Text("结束处置", "Desk is done")
PUT_AWAY_REASON = Text("为什么结束处置（必填）", "Why the desk is done (required)")
IS_PUT_AWAY = Text("已结束处置；事件仍按读数结束", "Noted; the incident itself ends by its readings")
HAS_IT = Text("{name} 处理中", "{name} has it")
NOBODY_HAS_IT = Text("无人处理", "nobody has it")
PICK_INCIDENT = Text("选择事件", "Incident")
WHY = Text("为什么", "Why")
CURVE_SINCE = Text("负载率（自发现前一小时）", "Load rate since an hour before the opening")
DOORS_TO_WALK = Text("待走访（按走访顺序）", "Doors to walk, in order")
SHOW_OTHER_DOORS = Text("显示其余 {count} 户", "Show the other {count} doors")
CHOOSE_DOOR = Text("选择商户", "Choose a door")
LIST_OF_DOORS = Text("走访名单（按走访顺序）", "Outreach list, in walking order")
NEEDED_BY_LIST = Text("名单按此编制", "List made for")
TO_GO_BY_METER = Text("表计看还差", "To go, by meter")
ENDED = Text("结束", "Ended")
AGREED_RELIEF = Text("已同意", "Agreed")
EXPECTED_RELIEF = Text("名单预计", "List should bring")
STILL_OPEN = Text("尚待答复", "Still unanswered")
ANSWERED = Text("已答复", "Answered")
DOORS = Text("户", "doors")
TARGET = Text("目标", "Target")
REVISION = Text("名单第 {revision} 版，{time} 生成", "List revision {revision}, made {time}")
ENOUGH_PROBABILITY = Text(
    "按应答概率，{reached} 把握达到目标（要求 {wanted}）", "{reached} sure to reach the target (asked for {wanted})"
)
NOT_ENOUGH_DOORS = Text(
    "名单上的户全部同意也未必够：达标把握只有 {reached}（要求 {wanted}）",
    "Even this whole list may not be enough: only {reached} sure (asked for {wanted})",
)
KW_NOTE = Text(
    "千瓦数是商户答复前后的预计值；是否真的降下来，以上方曲线（表计读数）为准。",
    "Kilowatts are expectations from the answers; whether it came true is told by the metered curve above.",
)
EXPECTED = Text("预计", "expected")
GOES = Text("前往", "Goes")
NOBODY = Text("未指派", "nobody assigned")
CONTACT = Text("联系人", "Contact")
ASK = Text("请他", "Ask")
REASON = Text("理由", "Reason")
RESULT_BUTTONS = {
    VisitResult.ASKED: Text("已告知", "Asked"),
    VisitResult.AGREED: Text("同意", "Agreed"),
    VisitResult.REFUSED: Text("拒绝", "Refused"),
    VisitResult.ABSENT: Text("不在", "Absent"),
    VisitResult.DONE: Text("已办", "Done"),
}
RESULT_SHAPES = {
    VisitResult.ASKED: "◔",
    VisitResult.AGREED: "✓",
    VisitResult.REFUSED: "✕",
    VisitResult.ABSENT: "–",
    VisitResult.DONE: "■",
}
NOT_VISITED = Text("未走访", "Not visited")
RECORDED_BY = Text("{time} {who} 记录", "recorded {time} by {who}")
NO_LIST = Text("还没有走访名单。", "There is no outreach list yet.")
RECORD = Text("事件记录", "Record")
EXPORT = Text("导出与打印", "Export and print")
EXPORT_XLSX = Text("Excel 名单", "Excel")
EXPORT_PDF = Text("PDF 名单", "PDF")
EXPORT_PRINT = Text("打印页", "Print page")
EXPORT_NOTE = Text(
    "导出内容含门牌地址，电话为脱敏；用完请销毁。",
    "Exports hold addresses, phones stay masked; destroy them after use.",
)
CLOSED_AT = Text("{time} 结束，历时 {span}", "closed {time} after {span}")
INCIDENT_UNKNOWN = Text(
    "此后没有可信读数，事件按结果不明结束：不等于已经回落。",
    "No reading that counts came any more: the incident ended as unknown, which is no relief.",
)
ASK_STATE = Text("走访状态：", "Asking:")
RELEASED = Text("已通知 {count} 户恢复", "{count} told to switch back")
INCIDENT_CLOSED = Text("事件已结束，无需再走访。", "The incident is over; no more visits are needed.")
INCIDENT_RETRACTED = Text("事件已被迟到读数撤销。", "Late readings have retracted this incident.")

# People, visits, personal data
CHOSEN = Text("记录人：{name}（在侧栏更改）", "Recording as {name} (change it in the sidebar)")
INCIDENT_NUMBER = Text("事件编号 {number}", "Incident {number}")
RECORDED = Text("已记录：{merchant} {result}", "Recorded: {merchant}, {result}")
NOT_RECORDED = Text("没有记录成功：{why}", "Not recorded: {why}")
REVEAL = Text("显示电话", "Show phone")
REVEAL_TITLE = Text("显示联系人与电话", "Show contact and phone")
REVEAL_WARNING = Text(
    "联系人和电话是个人信息。查看会记入审计：谁、何时、为什么。",
    "Contact and phone are personal data. Looking is recorded: who, when, why.",
)
REVEAL_REASON = Text("查看理由（必填）", "Reason (required)")
REVEAL_REASONS = (
    Text("店里没人，需电话联系", "nobody at the shop, need to call"),
    Text("商户要求回电", "the merchant asked to be called back"),
    Text("约定上门时间", "to agree a time for the visit"),
)
OTHER_REASON = Text("其他理由（写明）", "Another reason, in words")
REVEAL_CONFIRM = Text("记录并显示", "Record and show")
REASON_TOO_SHORT = Text("请写明理由（至少 4 个字）。", "Write a reason of at least four characters.")
PROTECTED = Text("保护对象", "protected")

# My list
MY_LIST_EMPTY = Text(
    "现在没有要您走访的门。有新事件会出现在这里。", "There is no door for you now. New incidents will appear here."
)
NEXT_DOOR = Text("下一家", "Next door")
THEN = Text("之后", "Then")
DONE_DOORS = Text("已答复", "Answered")
ALL_ANSWERED = Text("名单上您的门都已答复。", "All your doors have been answered.")
CHANGE_ANSWER = Text("改答复", "Change the answer")

# Alarm audit
ALARM_RANGES = {24: Text("24 小时", "24 h"), 72: Text("3 天", "3 days"), 168: Text("7 天", "7 days")}
AUDIT_CLEAN = Text("没有发现问题", "Nothing to mend")
AUDIT_FOUND = Text("发现 {count} 项要处理", "{count} to mend")
AUDIT_FOUND_ONE = Text("发现 1 项要处理", "1 to mend")
ALARMS_TOLD = Text("发出通知", "Messages sent")
ALARMS_MEAN = Text("最忙所平均/10 分钟", "Busiest mean/10 min")
ALARMS_MOST = Text("最多/10 分钟", "Most in 10 min")
ALARM_FLOODS = Text("出现洪泛的所", "Stations flooded")
FLAPPING = Text("反复越限", "Flapping")
REPEATED = Text("重复", "Repeated")
LATE = Text("迟到", "Late")
MISSED = Text("漏报", "Missed")
STATIONS_AGAINST_LIMITS = Text("各供电所与限值", "Stations against the limits")
COLUMN_ALARMS = Text("通知", "Messages")
COLUMN_MEAN = Text("平均/10 分钟（≤ {limit}）", "Mean/10 min (≤ {limit})")
COLUMN_MOST = Text("最多/10 分钟（< {limit}）", "Most in 10 min (< {limit})")
COLUMN_MOST_FROM = Text("最忙时段起", "Busiest from")
COLUMN_ABOVE = Text("超过 {limit} 条的时段", "Windows above {limit}")
COLUMN_FLOOD = Text("洪泛时段", "Flood windows")
ABOVE_LIMIT = Text("超限", "above limit")
AUDIT_FORMULA = Text(
    "计算：全时段分为 {windows} 个 10 分钟时段；平均 = 通知条数 × 10 分钟 ÷ 全时长；占比 = 该类时段数 ÷ {windows}。"
    "值班员按供电所计；合并在一条通知里的多件事算一条。",
    "How: the range has {windows} windows of 10 min; mean = messages × 10 min / range; share = such windows / "
    "{windows}. The operator is the supply station; several things said in one message count once.",
)
AUDIT_PROMISES = Text(
    "迟到：从越限读数到通知超过 {told} 分钟。漏报：{missed} 分钟内没有通知任何人。"
    "反复越限：1 小时内发现 {flaps} 次及以上。重复：同一件事再次通知。补到的历史事件和已撤销的事件不要求通知。",
    "Late: told more than {told} min after the reading. Missed: nobody told within {missed} min. Flapping: {flaps} "
    "or more openings in an hour. Repeated: the same thing said again. History found late and what was retracted need "
    "not call.",
)
FINDINGS = Text("发现的问题", "Findings")
MORE_FINDINGS = Text(
    "另有 {count} 项未列出，见 redvest alarms。", "{count} more are not shown here: see redvest alarms."
)

# System
COLLECTOR = Text("采集程序", "Collector")
COLLECTOR_OK = Text("运行正常", "working")
COLLECTOR_UNHEALTHY = Text("在运行，但不正常", "running, but not healthy")
COLLECTOR_AWAY = Text("联系不上：可能没有启动", "cannot be reached: it may not be running")
COLLECTOR_UNKNOWN = Text("未设置健康页", "no health page is set")
HEALTH_NAMES = {
    "healthy": Text("正常", "healthy"),
    "reasons": Text("不正常的原因", "reasons against it"),
    "connected": Text("已连上消息服务器", "connected to the broker"),
    "committing": Text("能写入存储", "storing"),
    "rejected_by": Text("拒收原因", "refused by reason"),
    "readings_missing": Text("缺口中的读数", "readings missing in gaps"),
    "broker_version": Text("消息服务器版本", "broker"),
    "open_incidents": Text("未结事件", "open incidents"),
    "blind_incidents": Text("失明事件", "blind incidents"),
    "transformers_without_voltage": Text("停电台区", "transformers without voltage"),
    "outbox_due": Text("待送通知", "notifications waiting"),
    "outbox_dead": Text("送不到的通知", "notifications undeliverable"),
    "up_seconds": Text("已运行（秒）", "running for (s)"),
    "last_message_seconds": Text("距上一条报文（秒）", "since the last message (s)"),
}
WHAT_TO_DO = Text("处理办法：{remedy}", "What to do: {remedy}")
COLLECTOR_METRICS = Text("采集指标", "The collector's figures")
HEALTH_VALUES = {"True": Text("是", "yes"), "False": Text("否", "no"), "None": Text("尚无", "none yet")}
STORES = Text("存储", "Stores")
READINGS = Text("读数", "Readings")
CONFLICTS = Text("同一时刻不同值", "Same moment, other values")
REJECTS = Text("被拒收的报文", "Refused payloads")
REJECTS_NOTE = Text(
    "被拒收的报文已原样留存并确认，不会阻塞后面的读数。", "Refused payloads are kept as they came and acknowledged."
)
NO_REJECTS = Text("没有拒收的报文。", "Nothing has been refused.")
SILENT_TRANSFORMERS = Text("失去数据的台区", "Transformers without data")
NO_SILENT = Text("所有台区都有新数据。", "All transformers deliver.")
LOST_FEEDERS = Text("通信中断的线路", "Feeders without communication")
FEEDER = Text("线路", "Feeder")
FEEDER_LOST = Text("线路 {feeder} 通信中断", "feeder {feeder} lost")
COLUMN_SILENT = Text("无数据", "No data")
SILENT_OF = Text("{silent} / {transformers} 个台区", "{silent} of {transformers} transformers")
COLUMN_SINCE = Text("发现", "Noticed")
SILENT_COVERED = Text(
    "另有 {count} 个台区无数据，已由上面的线路中断或监测中断说明。",
    "{count} more are silent: the lost feeder or the blind monitoring above explains them.",
)
FLAGGED_METERS = Text("待核查的表计", "Meters to check")
FLAGGED_METERS_NOTE = Text(
    "近 7 天通知核查、近 24 小时仍有存疑读数的表计。",
    "Told to be checked within 7 days, with doubtful readings in the last 24 h.",
)
NO_FLAGGED_METERS = Text("没有待核查的表计。", "No meter is to be checked.")
NEVER_SEEN_TRANSFORMERS = Text("建档后从未上报的台区", "Transformers never seen since registered")
MESSAGES = Text("通知", "Notifications")
MESSAGES_NOTE = Text(
    "每条通知有固定编号，至少送达一次；送不到的会标明，不会悄悄丢掉。",
    "Each notification has a fixed number and is delivered at least once; what cannot be delivered is said here.",
)
NO_MESSAGES = Text("还没有通知。", "No notification yet.")
MESSAGES_WAITING = Text("待送", "Waiting")
MESSAGES_DEAD = Text("送不到", "Undeliverable")
LEDGER_VERSION = Text("台账版本", "Ledger version")
PEOPLE = Text("人员", "People")
LAST_BLOCK = Text("最后一块", "Last block")
COLUMN_NAME = Text("名称", "Name")
COLUMN_LEVEL = Text("级别", "Level")
COLUMN_LINE = Text("判定线", "Line")
COLUMN_CALLS = Text("作用", "Does")
DUPLICATES = Text("重复读数（已合并）", "Duplicates (kept once)")
BLOCKS = Text("入库批次", "Blocks stored")
JOURNAL_SIZE = Text("读数库大小", "Journal size")
COLUMN_TIME = Text("时间", "Time")
COLUMN_TOPIC = Text("主题", "Topic")
COLUMN_REASON = Text("原因", "Reason")
COLUMN_FIELD = Text("字段", "Field")
COLUMN_DETAIL = Text("说明", "Detail")
COLUMN_BYTES = Text("字节", "Bytes")
COLUMN_NUMBER = Text("编号", "No.")
COLUMN_KIND = Text("类别", "Kind")
COLUMN_CHANNEL = Text("渠道", "Channel")
COLUMN_STATE = Text("状态", "State")
COLUMN_ATTEMPTS = Text("次数", "Tries")
COLUMN_TEXT = Text("内容", "Text")
MESSAGE_STATES = {
    "pending": Text("待送", "waiting"),
    "delivered": Text("已送达", "delivered"),
    "dead": Text("送不到", "undeliverable"),
}

# Trouble
STORE_TROUBLE = Text("存储读不出来：{why}", "A store cannot be read: {why}")
SETTINGS_TROUBLE = Text("设置有误：{why}", "The settings are faulty: {why}")
UNKNOWN_THING = Text("找不到：{why}", "Not found: {why}")
NO_NEWS = Text(
    "画面已不是实时：{} 没有收到新数据，不要按此判断现在的情况。正在重连……",
    "This page is not live: no news for {}. Do not take it for now. Connecting again …",
)
NOT_LIVE = Text("本页数据截至 {time}", "as of {time}")

# Who is signed in
SIGNED_OUT = Text("登录已结束，请重新登录。", "Your sign-in has ended. Please sign in again.")
NOTHING_TO_SEE = Text(
    "这个账号还没有对应台账中的人员，什么都看不到。请找管理员。",
    "This account belongs to nobody in the ledger, so there is nothing to see. Ask the administrator.",
)
UNTIL = Text("至 {time}", "until {time}")
SIGN_OUT = Text("退出", "sign out")
ACCOUNTS = Text("账号", "Accounts")
AUDIT = Text("审计记录", "Audit")
COLUMN_ACCOUNT = Text("账号", "Account")
COLUMN_ROLE = Text("角色", "Role")
COLUMN_PERSON = Text("人员", "Person")
COLUMN_STATIONS = Text("供电所", "Stations")
COLUMN_SESSIONS = Text("登录数", "Sign-ins")
COLUMN_BY = Text("谁", "By")
COLUMN_ACTION = Text("做了什么", "Did")
COLUMN_SUBJECT = Text("对象", "To")
ALL_STATIONS = Text("全部", "all")
ACCOUNT_ACTIVE = Text("可用", "active")
ACCOUNT_DISABLED = Text("已停用", "disabled")
ADD_ACCOUNT = Text("添加账号", "Add an account")
CHANGE_ACCOUNT = Text("管理账号", "Manage an account")
CHOOSE_ACCOUNT = Text("选择账号", "Choose an account")
NEW_PASSWORD = Text("密码（至少 8 位）", "Password (at least 8 characters)")
DISABLE = Text("停用", "Disable")
ENABLE = Text("启用", "Enable")
END_SESSIONS = Text("结束它的所有登录", "End all its sign-ins")
SET_PASSWORD = Text("设置新密码", "Set a new password")
NEW_WALL_ADDRESS = Text("给大屏一个新地址", "Give the wall a new address")
WALL_ADDRESS = Text(
    "在大屏的浏览器里打开一次，这个地址不会再显示：", "Open this once in the wall's browser; it is not shown again:"
)
DONE = Text("已完成：{what}", "Done: {what}")
AUDIT_NOTE = Text(
    "最新 {count} 条；完整性用 redvest audit verify 检查。",
    "The newest {count}; redvest audit verify checks that none is missing.",
)
