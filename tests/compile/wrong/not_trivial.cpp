/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#include <string>

FILCH_TASK(int, use, (std::string, text)) /* wrong */
{
    return (int)text.size();
}
