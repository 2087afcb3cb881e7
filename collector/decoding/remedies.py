"""What to mend, for people: one sentence for each reason why a reading was not taken."""

from __future__ import annotations

from collector.decoding.rejects import Reason
from grid.text import Text

REMEDIES: dict[Reason, Text] = {
    Reason.TOO_LARGE: Text(
        "报文过大。单条读数不超过 64 KiB，批量报文不超过 1 MiB；请拆分后发送。",
        "The payload is too large. A reading may have 64 KiB, a batch 1 MiB; send it in parts.",
    ),
    Reason.EMPTY: Text(
        "报文里没有任何读数。请检查设备是否在采集数据之前就已上报。",
        "There is no reading in it. See whether the device reports before it has measured.",
    ),
    Reason.NOT_UTF8: Text(
        "报文不是 UTF-8 编码（可能是 GBK、压缩或二进制数据）。请让设备以 UTF-8 发送 JSON。",
        "The bytes are not UTF-8 (perhaps GBK, compressed or binary). Let the device send JSON in UTF-8.",
    ),
    Reason.BYTE_ORDER_MARK: Text(
        "报文以字节序标记（BOM）开头，或为 UTF-16/32 编码。请以不带 BOM 的 UTF-8 发送。",
        "The payload begins with a byte order mark or is UTF-16/32. Send UTF-8 without a mark.",
    ),
    Reason.NOT_JSON: Text(
        "报文不是合法的 JSON（被截断、含注释、单引号或多余内容）。请按“详情”所示位置修正。",
        "The payload is not JSON (cut off, comments, single quotes, something behind it). Mend it at the place told.",
    ),
    Reason.NOT_FINITE: Text(
        "数值为 NaN 或 Infinity，JSON 中没有这样的数。没有测到的量请省略该字段或填 null。",
        "A number is NaN or Infinity, which JSON does not have. Leave out what was not measured, or send null.",
    ),
    Reason.NESTED_TOO_DEEP: Text(
        "JSON 嵌套层数过多，不是读数报文。请检查发送程序。",
        "The JSON is nested too deep to be a reading. Look at the program that sent it.",
    ),
    Reason.DUPLICATE_KEY: Text(
        "同一字段出现了两次，无法判断以哪个为准。每个字段只能写一次。",
        "A field is there twice and nobody can tell which one counts. Write each field once.",
    ),
    Reason.WRONG_TYPE: Text(
        "字段类型不对：数值不要加引号，不能用 true/false；分相量为三个数的数组。",
        "A field has the wrong type: numbers without quotes, no true/false; phase values are arrays of three.",
    ),
    Reason.NUMBER_TOO_LARGE: Text(
        "数值大到无法表示。请检查设备的换算和单位。",
        "A number is too large to hold. Look at the device's scaling and units.",
    ),
    Reason.MISSING_FIELD: Text(
        "缺少必填字段。每条读数必须有 measured_at；批量报文的每一行还必须有 transformer_id。",
        "A required field is missing. Each reading needs measured_at; each row of a batch transformer_id as well.",
    ),
    Reason.TOO_MANY_FIELDS: Text(
        "一条读数里的未知字段超过 64 个。请只发送约定的字段。",
        "A reading has more than 64 unknown fields. Send those of the wire format.",
    ),
    Reason.TOO_MANY_ROWS: Text(
        "批量报文超过 1000 行。请拆分后发送。",
        "A batch has more than 1,000 rows. Send it in parts.",
    ),
    Reason.COLUMNS_UNEQUAL: Text(
        "列式报文中各列长度不一致，无法对应到行。没有测到的量请填 null。",
        "The columns differ in length, so rows cannot be told. Put null where nothing was measured.",
    ),
    Reason.UNKNOWN_TOPIC: Text(
        "主题不符合约定。应为 redvest/v1/{供电所}/{台区}/reading 或 redvest/v1/{供电所}/readings。",
        "The topic is none of ours. Use redvest/v1/{station}/{transformer}/reading or redvest/v1/{station}/readings.",
    ),
    Reason.UNKNOWN_TRANSFORMER: Text(
        "台账中没有这个台区。请在台账中登记，或改正设备的台区编号。",
        "The ledger does not know this transformer. Register it, or mend the id in the device.",
    ),
    Reason.UNKNOWN_DEVICE: Text(
        "台账 devices.csv 中没有该终端。请补登终端编号与台区的对应关系。",
        "The ledger's devices.csv does not have this device. Enter which transformer its readings are of.",
    ),
    Reason.TOPIC_MISMATCH: Text(
        "报文中的台区编号与主题不一致。请改正设备配置，使两者相同。",
        "Payload and topic name different transformers. Mend the device's configuration.",
    ),
    Reason.WRONG_STATION: Text(
        "台账中该台区不属于主题所写的供电所。请改正主题或台账。",
        "By the ledger this transformer belongs to another station than the topic says. Mend the topic or the ledger.",
    ),
    Reason.RETAINED: Text(
        "这是代理服务器的保留消息，不能当作最新读数。请让设备发布时不要置保留标志（retain）。",
        "This is a message the broker retained; it cannot count as fresh. Let devices publish without the retain flag.",
    ),
    Reason.TIME_MALFORMED: Text(
        "measured_at 不是合法时间。请写成 2021-07-24T11:00:00+08:00。",
        "measured_at is no valid time. Write it like 2021-07-24T11:00:00+08:00.",
    ),
    Reason.TIME_WITHOUT_OFFSET: Text(
        "measured_at 没有时区。请在末尾加上 +08:00 或 Z。",
        "measured_at has no UTC offset. Write +08:00 or Z behind it.",
    ),
    Reason.TIME_IN_FUTURE: Text(
        "测量时间比收到时间超前太多。请校准设备时钟（并检查时区）。",
        "The reading claims to be from the future. Set the device's clock (and look at its time zone).",
    ),
    Reason.TIME_TOO_OLD: Text(
        "测量时间太早，已超出可补报的时限。请校准设备时钟，或用文件导入历史数据。",
        "The reading is older than is still taken. Set the device's clock, or import history from a file.",
    ),
    Reason.SENTINEL: Text(
        "数值是设备的“无效值”占位（如 65535、-9999）。没有测到的量请省略或填 null。",
        "The number is a placeholder for “no value” (such as 65535 or -9999). Leave it out or send null.",
    ),
    Reason.DENORMAL: Text(
        "数值小到不可能由电表测得，多半是字节解析错误。请检查寄存器地址和字节顺序。",
        "The number is smaller than any meter measures: likely bytes read wrongly. Look at registers and byte order.",
    ),
    Reason.OUT_OF_RANGE: Text(
        "数值超出该量的可能范围。请检查单位（V、A、kW、℃）和倍率。",
        "The number lies outside what the quantity can be. Look at its unit (V, A, kW, °C) and scaling.",
    ),
    Reason.CURRENT_WITHOUT_VOLTAGE: Text(
        "某相电压为零却有电流。请检查电压采样线和熔断器。",
        "A phase carries current at no voltage. Look at the voltage leads and fuses.",
    ),
    Reason.NO_LOAD_BASIS: Text(
        "无法计算负载率。需要有功和无功，或三相电压和电流，至少要有有功功率。",
        "No load rate can be computed. Send P and Q, or U and I of three phases, or at least P.",
    ),
    Reason.LOAD_RATE_IMPOSSIBLE: Text(
        "视在功率超过额定容量的 10 倍。是否把瓦当成了千瓦？请检查单位、综合倍率和台账中的额定容量。",
        "More than 10 times the rated power. Watts sent as kW? Look at units, CT ratio and the rating in the ledger.",
    ),
    Reason.PHASES_DISAGREE: Text(
        "总功率明显大于三相电压与电流之积，互相矛盾。请检查接线、相序和倍率。",
        "The total power is far above what the three phases carry. Look at wiring, phase order and CT ratio.",
    ),
    Reason.NOT_PROTOBUF: Text(
        "报文不是 Sparkplug B（protobuf）。请检查网关的负载格式和主题。",
        "The payload is no Sparkplug B (protobuf). Look at the gateway's payload format and topics.",
    ),
    Reason.NO_BIRTH: Text(
        "没有收到该网关或设备的 BIRTH 报文，无法得知别名的含义。请让网关重新发布（Node Control/Rebirth）。",
        "No birth of this node or device was seen, so its aliases mean nothing. Let it be born again (Rebirth).",
    ),
    Reason.UNEXPECTED: Text(
        "解析程序在这条报文上出错，属于本系统的缺陷。报文已保存；请把它和采集日志一起交给维护人员。",
        "Our own program failed on this message; the fault is ours. It is kept: report it with the collector's log.",
    ),
    Reason.RAGGED_ROW: Text(
        "这一行的单元格数与表头不一致。请补齐或删除多余的分隔符。",
        "The row has another number of cells than the header. Mend the separators.",
    ),
    Reason.BAD_NUMBER: Text(
        "单元格不是数字。请用半角数字和小数点，不要用千分位、下划线或逗号小数。",
        "The cell is no number. Use plain digits and a decimal point, no grouping, underscores or decimal commas.",
    ),
}
"""Complete: a test holds that every reason has its words."""
