"""Why the operating system refused something, in words for people."""

from __future__ import annotations

import errno

from grid.text import Text

_CHINESE = {
    errno.EACCES: "没有权限",
    errno.EPERM: "不允许这样操作",
    errno.ENOENT: "没有这个文件或文件夹",
    errno.EEXIST: "已经存在",
    errno.EISDIR: "是一个文件夹",
    errno.ENOTDIR: "路径中有一段不是文件夹",
    errno.ENOTEMPTY: "文件夹不是空的",
    errno.EROFS: "文件系统是只读的",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "超出磁盘配额",
    errno.EIO: "读写出错",
    errno.EMFILE: "打开的文件太多",
    errno.ENFILE: "打开的文件太多",
    errno.ENAMETOOLONG: "名称太长",
    errno.EBUSY: "正在使用中",
    errno.EFBIG: "文件太大",
    errno.EADDRINUSE: "地址已被占用",
    errno.EADDRNOTAVAIL: "本机没有这个地址",
    errno.ECONNREFUSED: "对方拒绝连接",
    errno.ECONNRESET: "连接被对方断开",
    errno.ECONNABORTED: "连接中断",
    errno.EPIPE: "连接已断开",
    errno.EHOSTUNREACH: "到不了对方主机",
    errno.ENETUNREACH: "到不了对方网络",
    errno.ETIMEDOUT: "超时",
}


def os_reason(error: OSError) -> Text:
    """Return why the system refused; what has no Chinese name here keeps the system's own words.

    >>> os_reason(PermissionError(13, "Permission denied")).zh
    '没有权限'
    """
    english = error.strerror or str(error) or type(error).__name__
    chinese = _CHINESE.get(error.errno) if error.errno is not None else None
    if chinese is None and isinstance(error, TimeoutError):
        chinese = "超时"
    return Text(chinese or english, english)
